"""Which torch was ever built for which CUDA, Python and GPUs: the table, and the questions it answers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from slimtorch import tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_VERSION = re.compile(r"\d+(?:\.\d+)*")
_MINOR = re.compile(r"\d+\.\d+")
_DEVICE = re.compile(r"(?:cuda|cu)(\d+(?:\.\d+)?)")
_CODE = re.compile(r"(?:sm|compute)_\d{2,3}[af]?")
MACHINES = ("x86_64", "aarch64")


@dataclass(frozen=True, slots=True)
class Build:
    """One torch release (``2.9``), the CUDA versions it was built for, and its lowest and highest Python.

    `newer_cuda` says that it may also have been built for CUDA versions newer than those. `default` is what the build
    without a local version is for, by machine (``12.8``, ``cpu``). `code` is the device code in it, by machine and CUDA
    version (``sm_90``, or ``compute_120`` for PTX). `cudnn`, `nccl` and `triton` belong to the default build.
    """

    torch: str
    cuda: tuple[str, ...]
    python: tuple[str, str]
    newer_cuda: bool = False
    default: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    cudnn: str = ""
    nccl: str = ""
    triton: str = ""

    def has(self, cuda: str) -> bool:
        """Whether there is a build for this CUDA version (``12.8``; ``12`` for any of it), or may be."""
        known = any(_starts(version, cuda) for version in self.cuda)
        return known or (self.newer_cuda and parse(cuda) > parse(self.cuda[-1]))

    def runs(self, python: str) -> bool:
        """Whether there is a wheel for this Python (``3.11``)."""
        return parse(self.python[0]) <= parse(python)[:2] <= parse(self.python[1])


@cache
def builds() -> tuple[Build, ...]:
    """Every release in the table, oldest first.

    Raises:
        ValueError: the table is damaged, which is a bug.
    """
    return check_table(tables.load("torch_builds")["builds"])


def check_table(rows: Sequence[Mapping[str, Any]]) -> tuple[Build, ...]:
    """The rows as builds.

    Raises:
        ValueError: a row is incomplete, not a version, out of order or there twice.
    """
    found = tuple(_build(row) for row in rows)
    _ascending([build.torch for build in found], "releases")
    return found


@cache
def cuda_versions() -> tuple[str, ...]:
    """Every CUDA version that some torch was built for, oldest first."""
    return tuple(sorted({version for build in builds() for version in build.cuda}, key=parse))


def find(torch: str) -> Build | None:
    """The release that a version (``2.9.1+cu128``) belongs to; None when the table does not hold it."""
    wanted = parse(torch)[:2]
    return next((build for build in builds() if parse(build.torch) == wanted), None)


def code(torch: str, cuda: str, machine: str = "x86_64") -> tuple[str, ...]:
    """The device code in the wheel of a torch version for a CUDA version; empty when it is not known."""
    build = find(torch)
    return build.code.get((machine, cuda), ()) if build else ()


def check_pair(torch: str, device: str) -> str | None:
    """What is wrong with this torch version for this device (``cpu``, ``cuda12.8`` or ``cu128``); None when nothing.

    A release that the table does not hold is unknown rather than impossible: None.
    """
    build, cuda = find(torch), cuda_of(device)
    if build is None or not cuda or build.has(cuda):
        return None
    nearest = nearest_for(cuda, build.torch)
    more = f"; the nearest torch for CUDA {cuda} is {nearest}" if nearest else f"; no torch was built for CUDA {cuda}"
    return f"torch {build.torch} was never built for CUDA {cuda}, only for {listed(build.cuda)}{more}"


def nearest_for(cuda: str, torch: str) -> str:
    """The release nearest to `torch` that was built for this CUDA version; '' when none was."""
    wanted = parse(torch)
    having = [build.torch for build in builds() if any(_starts(version, cuda) for version in build.cuda)]
    return min(having, key=lambda other: abs(parse(other)[1] - wanted[1]), default="")


def check_python(torch: str, python: str) -> str | None:
    """What is wrong with this torch version on this Python (``3.11``); None when nothing, or when it is not known."""
    build = find(torch)
    if build is None or build.runs(python):
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


def listed(names: Sequence[str]) -> str:
    """The names as a sentence lists them: ``12.6, 12.8 and 13.0``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _starts(version: str, prefix: str) -> bool:
    numbers = parse(prefix)
    return parse(version)[: len(numbers)] == numbers


def _build(row: Mapping[str, Any]) -> Build:
    torch, cuda, python = row["torch"], row["cuda"], row["python"]
    for version in (torch, *cuda, *python):
        if not isinstance(version, str) or not _MINOR.fullmatch(version):
            raise ValueError(f"the torch table holds {version!r}, which is not MAJOR.MINOR")
    if not cuda or len(python) != 2:
        raise ValueError(f"the torch table says too little of torch {torch}")
    _ascending(cuda, f"CUDA versions of torch {torch}")
    _ascending(python, f"Pythons of torch {torch}")
    versions = {key: str(row.get(key, "")) for key in ("cudnn", "nccl", "triton")}
    if wrong := [key for key, version in versions.items() if version and not _VERSION.fullmatch(version)]:
        raise ValueError(f"the torch table's {wrong[0]} of torch {torch} is no version: {versions[wrong[0]]!r}")
    newer = row.get("newer_cuda") is True
    return Build(torch, tuple(cuda), (python[0], python[1]), newer, _default(row), _code(row), **versions)


def _default(row: Mapping[str, Any]) -> dict[str, str]:
    found = dict(row.get("default", {}))
    if wrong := [m for m, what in found.items() if m not in MACHINES or what not in {"cpu", *row["cuda"]}]:
        raise ValueError(f"the torch table's default of torch {row['torch']} for {wrong[0]!r} is no build of it")
    return found


def _code(row: Mapping[str, Any]) -> dict[tuple[str, str], tuple[str, ...]]:
    found = {}
    for machine, versions in row.get("code", {}).items():
        for cuda, text in versions.items():
            names = text.split()
            if machine not in MACHINES or cuda not in row["cuda"]:
                raise ValueError(
                    f"the torch table has code of torch {row['torch']} for {machine} {cuda}, no build of it"
                )
            if not names or len(set(names)) != len(names) or not all(map(_CODE.fullmatch, names)):
                raise ValueError(f"the torch table's code of torch {row['torch']} for CUDA {cuda} is {text!r}")
            found[machine, cuda] = tuple(names)
    return found


def _ascending(versions: Sequence[str], what: str) -> None:
    numbers = [parse(version) for version in versions]
    if numbers != sorted(set(numbers)):
        raise ValueError(f"the torch table's {what} are not in order, or one is there twice: {list(versions)}")
