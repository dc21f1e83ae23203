"""Runs in a tree's own interpreter: loads libraries, imports modules, computes numbers; says what happened, judges not.

Each library is loaded in a process of its own; imports share one, and so do the families of numbers, until one of them
dies: the rest goes on in a new process. Reads one JSON object (written by ``slimtorch.probe.parity``) from standard
input and prints one. Every text is '' for "well", or the reason; numbers are digests.
"""
# ruff: noqa: PTH118, PTH123
# Runs once in somebody else's tree, on paths that come as strings.

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import json
import os
import re
import select
import signal
import site
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Step = tuple[str, Callable[[], str]]
    """What is tried, and how."""

Job = dict[str, Any]

MISSING = re.compile(r"(\S+): cannot open shared object file")
TEXT = 500
BLOCK = 1 << 16
DESCRIPTORS = 4096
"""More than the few that are ever open here."""
QUIET = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "HF_HUB_OFFLINE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
"""One thread adds in one order; no GPU may help; nothing is fetched."""


def main() -> None:
    """Prints what happened."""
    job = json.load(sys.stdin)
    report = os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.environ.update(QUIET)
    sys.path[:] = [path for path in sys.path if path]
    for folder in job["sites"]:
        sys.path.insert(0, folder)
        site.addsitedir(folder)
    crew = Crew(job["workers"], job["patience"])
    crew.add("numbers", functools.partial(numbers, job))
    crew.add("imports", functools.partial(imports, job))
    for path in job["libraries"]:
        crew.add("libraries", functools.partial(one_library, path, job))
    json.dump(crew.run(), report)
    report.write("\n")
    report.flush()
    os._exit(0)


def one_library(path: str, job: Job) -> Iterator[Step]:
    """The loading of one library."""
    yield path, functools.partial(load, path, job["known"], set())


def load(path: str, known: dict[str, str], tried: set[str]) -> str:
    """Loads a library with all its symbols; one that the loader does not find first, as packages' own code does."""
    while True:
        try:
            ctypes.CDLL(path, mode=os.RTLD_NOW | (os.RTLD_GLOBAL if tried else os.RTLD_LOCAL))
        except OSError as error:
            match = MISSING.search(str(error))
            other = known.get(os.path.basename(match[1])) if match else None  # noqa: PTH119
            if other is None or other in tried:
                return str(error)
            tried.add(other)
            why = load(other, known, tried)
            if why:
                return why
        else:
            return ""


def imports(job: Job) -> Iterator[Step]:
    """Each module's import."""
    for name in job["imports"]:
        yield name, functools.partial(imported, name)


def imported(name: str) -> str:
    """Nothing; it raises what the import raises."""
    importlib.import_module(name)
    return ""


def numbers(job: Job) -> Iterator[Step]:
    """Each family's digest; nothing where torch cannot be imported, for that stands among the imports."""
    if not job["battery"]:
        return
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "operators"))  # noqa: PTH102
        for name, source in job["battery"].items():
            with open(os.path.join(folder, "operators", name), "w", encoding="utf-8") as stream:
                stream.write(source)
        sys.path.insert(0, folder)
        try:
            battery = importlib.import_module("operators.battery")
        except ImportError:
            return
        battery.settle()
    for name in battery.names("cpu", slow=False):
        yield name, functools.partial(digest, battery, name)


def digest(battery: Any, name: str) -> str:  # noqa: ANN401  (a module that is not there yet)
    """The result as one text, an error as itself."""
    found = battery.outcome(name, "cpu")
    return str(found.get("digest") or found["error"])


class Task:
    """Steps of one kind; `done` are those that a process before has got through."""

    def __init__(self, kind: str, steps: Callable[[], Iterator[Step]], patience: float) -> None:
        self.kind, self.steps, self.patience = kind, steps, patience
        self.done: dict[str, str] = {}
        self.pid = self.pipe = -1
        self.heard, self.rest, self.current = 0.0, b"", ""

    def start(self) -> None:
        """Forks the process that works on what is left."""
        self.pipe, end = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.setpgid(0, 0)
            # Whatever is loaded here shall not reach the report, nor other processes' pipes.
            os.closerange(3, end)
            os.closerange(end + 1, DESCRIPTORS)
            with contextlib.suppress(BaseException):
                self.work(end)
            os._exit(0)
        os.close(end)
        self.heard, self.rest, self.current = time.monotonic(), b"", ""

    def work(self, end: int) -> None:
        """Tells the parent each step's name, then its text."""
        for name, step in self.steps():
            if name in self.done:
                continue
            say(end, [name])
            try:
                text = step()
            except BaseException as error:  # noqa: BLE001  (also what calls sys.exit at import)
                text = f"{type(error).__name__}: {error}"
            say(end, [name, text[:TEXT]])

    def hear(self) -> bool:
        """Whether the process goes on; what it said is kept."""
        block = os.read(self.pipe, BLOCK)
        self.heard = time.monotonic()
        *lines, self.rest = (self.rest + block).split(b"\n")
        for line in lines:
            said = json.loads(line)
            self.current = said[0] if len(said) == 1 else ""
            self.done.update([said] if len(said) == 2 else ())
        return bool(block)

    def end(self) -> bool:
        """Whether there is more to do in another process, after this one has ended or was too slow."""
        late = time.monotonic() - self.heard > self.patience
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        os.close(self.pipe)
        status = os.waitpid(self.pid, 0)[1]
        if not self.current:
            return False
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        ended = f"the process was ended by signal {number}" if number else "the process ended itself"
        self.done[self.current] = f"no end within {self.patience:g} s" if late else ended
        return True


def say(end: int, words: list[str]) -> None:
    """One line of JSON through the pipe."""
    data = json.dumps(words).encode() + b"\n"
    while data:
        data = data[os.write(end, data) :]


class Crew:
    """Works on tasks, a few at a time."""

    def __init__(self, workers: int, patience: float) -> None:
        self.workers, self.patience = workers, patience
        self.waiting: list[Task] = []
        self.report: dict[str, dict[str, str]] = {"libraries": {}, "imports": {}, "numbers": {}}

    def add(self, kind: str, steps: Callable[[], Iterator[Step]]) -> None:
        """Takes the task on."""
        self.waiting.append(Task(kind, steps, self.patience))

    def run(self) -> dict[str, dict[str, str]]:
        """What all tasks gave, by kind and name."""
        running: list[Task] = []
        while self.waiting or running:
            while self.waiting and len(running) < self.workers:
                running.append(self.waiting.pop(0))
                running[-1].start()
            ready = select.select([task.pipe for task in running], [], [], 1)[0]
            now = time.monotonic()
            ended = [t for t in running if (not t.hear() if t.pipe in ready else now - t.heard > t.patience)]
            running = [task for task in running if task not in ended]
            for task in ended:
                # First, so that the longest work does not wait behind short one.
                self.waiting[:0] = [task] if task.end() else []
                self.report[task.kind].update(task.done)
        return self.report


if __name__ == "__main__":
    main()
