"""How long reading 3,000 source files takes, against what parsing them alone costs: ``python -m bench.deps_speed DIR``.

Both are measured in one process, in turn, in seconds of the processor. The files are the first of what is installed
here.
"""

from __future__ import annotations

import ast
import gc
import json
import subprocess
import sys
import sysconfig
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.measure import environment, run

from slimtorch.deps.check.reasons import INTERESTS
from slimtorch.inventory import code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FILES = 3_000
ROUNDS = 5
_LEFT_OUT = ("site-packages", "dist-packages")
_READ = "import sys; from bench.deps_speed import read; read(sys.argv[1])"


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of the processor for parsing and reading one tree; seconds for whole processes, by the tool's name.

    `ratio` is of reading to parsing: the median of the pairs.
    """

    files: int
    size: int
    parse: float
    read: float
    ratio: float
    processes: dict[str, float]


def measure(folder: Path, rivals: Path) -> Speed:
    """The figures, on a tree that is made in `folder`."""
    files, size = make(folder)
    seconds = json.loads(run([sys.executable, "-m", "bench.deps_speed", str(folder)]).stdout)
    tools: dict[str, list[str]] = {
        "slimtorch": [sys.executable, "-c", _READ, str(folder)],
        "deptry": [str(rivals / "deptry"), ".", "--no-ansi"],
        "fawltydeps": [str(rivals / "fawltydeps"), "--json"],
    }
    taken: dict[str, list[float]] = {name: [] for name in tools}
    for _ in range(3):
        for name, argv in tools.items():
            taken[name].append(_seconds(argv, Path() if name == "slimtorch" else folder))
    processes = {name: median(each) for name, each in taken.items()}
    return Speed(files, size, seconds["parse"], seconds["read"], seconds["ratio"], processes)


def make(folder: Path) -> tuple[int, int]:
    """The number of files of a tree that is made in `folder`, and their bytes."""
    size = count = 0
    for path, name in _sources():
        data = path.read_bytes()
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        size, count = size + len(data), count + 1
        if count == FILES:
            break
    (folder / "requirements.txt").write_text("numpy\npyyaml\nrequests\n")
    return count, size


def _sources() -> Iterator[tuple[Path, str]]:
    """What is installed here, then the standard library."""
    for site in dict.fromkeys(map(Path, (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))):
        for path in sorted(site.rglob("*.py")):
            yield path, f"installed/{path.relative_to(site)}"
    standard = Path(sysconfig.get_path("stdlib"))
    for path in sorted(standard.rglob("*.py")):
        if not set(_LEFT_OUT) & set(path.relative_to(standard).parts):
            yield path, f"standard/{path.relative_to(standard)}"


def read(folder: str) -> None:
    """What slimtorch does with the source files of a project."""
    code.read(Path(folder), code.Scope(), INTERESTS)


def _parse(folder: str) -> None:
    for path in sorted(Path(folder).rglob("*.py")):
        with suppress(SyntaxError, ValueError, RecursionError):  # Python's own tests hold files that are wrong
            ast.parse(path.read_bytes())


def _timed(work: Callable[[str], None], folder: str) -> float:
    gc.collect()
    started = time.process_time()
    work(folder)
    return time.process_time() - started


def _seconds(argv: Sequence[str], cwd: Path) -> float:
    started = time.perf_counter()
    # Findings make them exit with failure.
    subprocess.run(argv, cwd=cwd, env=environment(), capture_output=True, check=False, timeout=600)
    return time.perf_counter() - started


def main() -> None:
    """Print the medians as JSON."""
    warnings.simplefilter("ignore")
    (folder,) = sys.argv[1:]
    _parse(folder)
    pairs = [(_timed(_parse, folder), _timed(read, folder)) for _ in range(ROUNDS)]
    parse, whole, ratio = (
        median(one for one, _ in pairs),
        median(other for _, other in pairs),
        median(other / one for one, other in pairs),
    )
    print(json.dumps({"parse": parse, "read": whole, "ratio": ratio}))


if __name__ == "__main__":
    main()
