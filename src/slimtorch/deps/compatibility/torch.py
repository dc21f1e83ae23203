"""Torch as it was locked: against what the project asks for, its GPUs, and the packages built for one torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion

from slimtorch.deps.compatibility import rules
from slimtorch.deps.compatibility.request import made_for, newest_with, shown
from slimtorch.findings import Severity
from slimtorch.project.facts import facts
from slimtorch.tables import torch as releases
from slimtorch.tables.cuda import driver
from slimtorch.tables.gpus import covered
from slimtorch.tables.partners import partner, partners_of
from slimtorch.tables.torch import builds, code, cuda_of, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from packaging.tags import Tag

    from slimtorch.findings import Finding
    from slimtorch.project.facts import TorchFacts
    from slimtorch.project.lock import LockedWheel
    from slimtorch.project.model import Torch

_PARTNERS = ("torchvision", "torchaudio")
_RUNTIME = re.compile(r"nvidia-cuda-runtime(?:-cu\d+)?|cuda-toolkit")
_TRITON = ("triton", "pytorch-triton")


@dataclass(frozen=True, slots=True)
class _Locked:
    """The set: the version of each package by canonical name, torch's release, device and CUDA, and the processor."""

    versions: dict[str, str]
    torch: str
    cpu: bool
    cuda: str
    machine: str


def judge(wheels: Sequence[LockedWheel], torch: Torch, python: str) -> Iterator[Finding]:
    """The findings about torch in a set of locked wheels."""
    locked = _locked(wheels)
    if locked.torch:
        yield from _asked(locked, torch)
        yield from _python(wheels, python)
        yield from _gpus(locked, torch)
        yield from _partners(locked)
        yield from _triton(locked)
    yield from _driver(locked)


def _locked(wheels: Sequence[LockedWheel]) -> _Locked:
    versions: dict[str, str] = {canonicalize_name(wheel.name): wheel.version for wheel in wheels}
    found, machine = facts(wheels), _machine(wheels)
    return _Locked(versions, found.torch, found.device == "cpu", _cuda(found, versions, machine), machine)


def _cuda(found: TorchFacts, versions: dict[str, str], machine: str) -> str:
    """The CUDA of torch; where packages bring several, torch's own by the table, or '' when that cannot be told."""
    runtimes = {_minor(version) for name, version in versions.items() if _RUNTIME.fullmatch(name)}
    if len(runtimes) < 2 or "+" in versions.get("torch", ""):
        return found.cuda
    build = releases.find(found.torch)
    own = build.default.get(machine, "") if build else ""
    return own if own in runtimes else ""


def _minor(version: str) -> str:
    return ".".join(str(number) for number in parse(version)[:2])


def _machine(wheels: Sequence[LockedWheel]) -> str:
    """The processor that the wheels are for; x86-64 when none tells."""
    arm = any(tag.platform.endswith("_aarch64") for wheel in wheels for tag in _tags(wheel))
    return "aarch64" if arm else "x86_64"


def _tags(wheel: LockedWheel) -> frozenset[Tag]:
    try:
        return parse_wheel_filename(wheel.filename)[3]
    except (InvalidWheelFilename, InvalidVersion):
        return frozenset()


def _asked(locked: _Locked, torch: Torch) -> Iterator[Finding]:
    if torch.device == "cuda" and locked.cpu:
        yield rules.BUILD.at(f'torch {locked.torch} was locked as a build for CPUs, but [torch] says device = "cuda"')
    if torch.cuda and locked.cuda and parse(torch.cuda) != parse(locked.cuda)[:2]:
        text = f'torch {locked.torch} was locked for CUDA {locked.cuda}, but [torch] says cuda = "{torch.cuda}"'
        problem = releases.check_pair(locked.torch, f"cuda{torch.cuda}")
        yield rules.BUILD.at(f"{text}: {problem}" if problem else text)


def _python(wheels: Sequence[LockedWheel], python: str) -> Iterator[Finding]:
    """A wheel of a direct address may be for another Python than the one that was resolved for."""
    own = {f"cp{python.replace('.', '')}", "py3"}
    for wheel in wheels:
        tags = _tags(wheel) if canonicalize_name(wheel.name) == "torch" else ()
        if tags and not any(tag.interpreter in own or tag.abi == "abi3" for tag in tags):
            yield rules.PYTHON.at(f"{wheel.filename} is not for Python {python}")


def _gpus(locked: _Locked, torch: Torch) -> Iterator[Finding]:
    made = code(locked.torch, locked.cuda, locked.machine)
    for gpu in torch.gpus if made else ():
        way = covered(made, gpu)
        wheel = f"torch {locked.torch} for CUDA {locked.cuda}"
        if not way:
            newest = newest_with(gpu, builds())
            more = f"; {newest} has code for it" if newest else ""
            yield rules.GPU.at(f"{wheel} has no code for {shown(gpu)}, only for {made_for(made)}{more}")
        elif way == "ptx":
            text = f"{wheel} has only PTX for {shown(gpu)}: the driver compiles it when the service first starts"
            yield rules.GPU.at(text, severity=Severity.WARNING)


def _partners(locked: _Locked) -> Iterator[Finding]:
    for name in _PARTNERS:
        version = locked.versions.get(name, "")
        row = partner(name, version) if version else None
        if row and not row.goes_with(locked.torch):
            fitting = partners_of(name, locked.torch)
            more = f"; for torch {locked.torch} it is {name} {fitting[-1]}" if fitting else ""
            newer = " and newer" if row.and_newer else ""
            text = f"{name} {version} was built for torch {row.torch}{newer}, not for {locked.torch}{more}"
            yield rules.PARTNER.at(text, severity=Severity.WARNING if row.and_newer else None)
        if version:
            yield from _same_device(name, version, locked)


def _same_device(name: str, version: str, locked: _Locked) -> Iterator[Finding]:
    """Compares CUDA major versions: minor ones run beside each other."""
    local = version.partition("+")[2]
    row = partner(name, version)
    build = releases.find(row.torch) if row else None
    # Without a local version it is, on the public index, for what the torch of that index is for.
    theirs = _kind(local) if local else build.default.get(locked.machine, "") if build else ""
    ours = "cpu" if locked.cpu else locked.cuda
    if not theirs or not ours or parse(theirs)[:1] == parse(ours)[:1]:
        return
    told = "" if local else " on the public index"
    text = f"{name} {version} is built for {_called(theirs)}{told}, but torch {locked.torch} for {_called(ours)}"
    works = theirs == "cpu" or not local
    yield rules.SAME_DEVICE.at(text, severity=Severity.WARNING if works else None)


def _kind(local: str) -> str:
    return "cpu" if local == "cpu" else cuda_of(local)


def _called(kind: str) -> str:
    return "CPUs" if kind == "cpu" else f"CUDA {kind}"


def _triton(locked: _Locked) -> Iterator[Finding]:
    build = releases.find(locked.torch)
    for name in _TRITON:
        version = locked.versions.get(name, "")
        if build and build.triton and version and parse(version)[:2] != parse(build.triton):
            yield rules.TRITON.at(
                f"{name} {version} was locked, but torch {build.torch} goes with triton {build.triton}"
            )


def _driver(locked: _Locked) -> Iterator[Finding]:
    cuda = locked.cuda
    if needed := driver(cuda) if cuda else "":
        own = driver(cuda, exact=True)
        more = f"; it came with {own}" if own and own != needed else ""
        yield rules.DRIVER.at(f"CUDA {cuda} needs the NVIDIA driver {needed} or newer on the host{more}")
