"""Which torch was ever built for which CUDA and which Python: the table, and the questions it answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from slimtorch import tables

_VERSION = re.compile(r"\d+(?:\.\d+)*")
_DEVICE = re.compile(r"(?:cuda|cu)(\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Build:
    """One torch release (``2.9``), the CUDA versions it was built for, and its lowest and highest Python."""

    torch: str
    cuda: tuple[str, ...]
    python: tuple[str, str]


@cache
def builds() -> tuple[Build, ...]:
    """Every release in the table, oldest first.

    Raises:
        ValueError: the table is damaged, which is a bug.
    """
    return check_table(tables.load("torch_builds")["builds"])


def check_table(rows: list[dict[str, Any]]) -> tuple[Build, ...]:
    """The rows as builds.

    Raises:
        ValueError: a row is incomplete, not a version, out of order or there twice.
    """
    found = tuple(_build(row) for row in rows)
    _ascending([build.torch for build in found], "releases")
    return found


def check_pair(torch: str, device: str) -> str | None:
    """What is wrong with this torch version for this device (``cpu``, ``cuda12.8`` or ``cu128``); None when nothing.

    A release that the table does not hold is unknown rather than impossible: None.
    """
    build, cuda = _find(torch), cuda_of(device)
    if build is None or not cuda or any(_starts(version, cuda) for version in build.cuda):
        return None
    others = [other.torch for other in builds() if any(_starts(version, cuda) for version in other.cuda)]
    nearest = min(others, key=lambda other: abs(parse(other)[1] - parse(build.torch)[1]), default="")
    more = f"; the nearest torch for CUDA {cuda} is {nearest}" if nearest else f"; no torch was built for CUDA {cuda}"
    return f"torch {build.torch} was never built for CUDA {cuda}, only for {_and(build.cuda)}{more}"


def check_python(torch: str, python: str) -> str | None:
    """What is wrong with this torch version on this Python (``3.11``); None when nothing, or when it is not known."""
    build = _find(torch)
    if build is None or parse(build.python[0]) <= parse(python)[:2] <= parse(build.python[1]):
        return None
    return f"torch {build.torch} has wheels for Python {build.python[0]} to {build.python[1]}, not for {python}"


def cuda_of(device: str) -> str:
    """The CUDA version that a device names: ``12.8`` of ``cuda12.8`` and ``cu128``; '' when it names none."""
    match = _DEVICE.fullmatch(device)
    if not match:
        return ""
    digits = match[1]
    # PyTorch's own short form: the last digit is the minor version.
    return f"{digits[:-1]}.{digits[-1]}" if "." not in digits and len(digits) > 2 else digits


def parse(version: str) -> tuple[int, ...]:
    """The numbers of a release (``2.13.0+cpu`` is ``(2, 13, 0)``); empty when it starts with none."""
    match = _VERSION.match(version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _find(torch: str) -> Build | None:
    wanted = parse(torch)[:2]
    return next((build for build in builds() if parse(build.torch) == wanted), None)


def _starts(version: str, prefix: str) -> bool:
    numbers = parse(prefix)
    return parse(version)[: len(numbers)] == numbers


def _and(versions: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(versions[:-1]), versions[-1])))


def _build(row: dict[str, Any]) -> Build:
    torch, cuda, python = row["torch"], row["cuda"], row["python"]
    for version in (torch, *cuda, *python):
        if not isinstance(version, str) or not re.fullmatch(r"\d+\.\d+", version):
            raise ValueError(f"the torch table holds {version!r}, which is not MAJOR.MINOR")
    if not cuda or len(python) != 2:
        raise ValueError(f"the torch table says too little of torch {torch}")
    _ascending(cuda, f"CUDA versions of torch {torch}")
    _ascending(python, f"Pythons of torch {torch}")
    return Build(torch, tuple(cuda), (python[0], python[1]))


def _ascending(versions: list[str], what: str) -> None:
    numbers = [parse(version) for version in versions]
    if numbers != sorted(set(numbers)):
        raise ValueError(f"the torch table's {what} are not in order, or one is there twice: {versions}")
