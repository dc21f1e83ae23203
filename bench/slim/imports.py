"""``import torch`` in two installs, in turn: seconds, resident memory and mappings of the process after it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from bench.measure import environment

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """
import json, time
began = time.perf_counter()
import torch
seconds = time.perf_counter() - began
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
mappings = sum(1 for line in open("/proc/self/maps"))
print(json.dumps([seconds, int(status["VmRSS"].split()[0]) * 1024, mappings]))
"""


@dataclass(frozen=True, slots=True)
class Imported:
    """Medians of several fresh processes: seconds, bytes resident after it, mappings."""

    seconds: float
    resident: int
    mappings: int


def imported(one: Path, other: Path, *, rounds: int) -> tuple[Imported, Imported]:
    """Both virtual environments measured in turn, after one unmeasured start of each that compiles the bytecode."""
    for venv in (one, other):
        _once(venv)
    runs = [(_once(one), _once(other)) for _ in range(rounds)]
    return _medians([first for first, _ in runs]), _medians([second for _, second in runs])


def _once(venv: Path) -> list[float]:
    # -I would leave the environment's own settings out of it, and with them where bytecode goes.
    done = subprocess.run(
        [str(venv / "bin" / "python"), "-c", _SCRIPT], check=True, capture_output=True, env=environment()
    )
    found: list[float] = json.loads(done.stdout)
    return found


def _medians(runs: list[list[float]]) -> Imported:
    seconds, resident, mappings = (median(column) for column in zip(*runs, strict=True))
    return Imported(seconds, int(resident), int(mappings))
