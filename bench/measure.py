"""Run a command and say what it took: seconds on the wall and peak memory of all its processes."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

POLL_SECONDS = 0.02
PAGE = os.sysconf("SC_PAGE_SIZE")
NOT_MEASURED_WITH = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONPYCACHEPREFIX"}
"""Variables that change what Python writes; a user's shell rarely has them."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one command took. `peak_rss` is in bytes: the largest sum over the process tree at one poll (20 ms).

    Pages that two processes share count twice in it.
    """

    seconds: float
    peak_rss: int
    stdout: str
    stderr: str


def run(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Run:
    """What running `argv` took.

    Raises:
        RuntimeError: it failed; the message ends with the last lines that it printed.
    """
    words = [str(word) for word in argv]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(words, env=environment(env), cwd=cwd, stdout=out, stderr=err)
        peak = 0
        while True:
            try:
                process.wait(POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                peak = max(peak, tree_rss(process.pid))
        seconds = time.perf_counter() - started
        out.seek(0)
        err.seek(0)
        stdout, stderr = out.read().decode(errors="replace"), err.read().decode(errors="replace")
    if process.returncode:
        raise RuntimeError(f"{' '.join(words)} exited with {process.returncode}:\n{stdout[-2000:]}\n{stderr[-4000:]}")
    return Run(seconds, peak, stdout, stderr)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment with `extra`, without what would change what Python writes."""
    kept = {name: value for name, value in os.environ.items() if name not in NOT_MEASURED_WITH}
    return {**kept, **(extra or {})}


def tree_rss(pid: int) -> int:
    """Resident bytes of a process and all its descendants, now; 0 for those that are gone.

    A child that has not called exec yet runs in its parent's own memory (vfork), so it is not counted a second time.
    """
    total, waiting = 0, [(pid, b"")]
    while waiting:
        number, parent = waiting.pop()
        folder = Path("/proc") / str(number)
        try:
            command = (folder / "cmdline").read_bytes()
            if command != parent:
                total += int((folder / "statm").read_text().split()[1]) * PAGE
            for task in (folder / "task").iterdir():
                waiting += [(int(child), command) for child in (task / "children").read_text().split()]
        except (OSError, IndexError):
            continue
    return total


def median(times: int, measure: Callable[[], Run]) -> Run:
    """The run of median seconds among `times` runs, with the largest peak of all."""
    runs = sorted((measure() for _ in range(times)), key=lambda one: one.seconds)
    middle = runs[len(runs) // 2]
    return Run(middle.seconds, max(one.peak_rss for one in runs), middle.stdout, middle.stderr)


def machine() -> dict[str, str]:
    """What kind of machine this is; nothing that names it."""
    return {
        "processor": _first("/proc/cpuinfo", "model name", ":"),
        "cores": str(os.cpu_count()),
        "memory": f"{int(_first('/proc/meminfo', 'MemTotal', ':').split()[0]) / 1e6:.0f} GB",
        "system": _first("/etc/os-release", "PRETTY_NAME", "=").strip('"'),
        "kernel": platform.release().split("-", maxsplit=1)[0],
        "python": platform.python_version(),
    }


def _first(path: str, key: str, separator: str) -> str:
    """The value of the first line that starts with `key`, or "0"."""
    for line in Path(path).read_text().splitlines():
        name, _, value = line.partition(separator)
        if name.strip() == key:
            return value.strip()
    return "0"
