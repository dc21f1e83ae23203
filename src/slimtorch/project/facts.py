"""What the locked wheels say about torch: its version, the device it was built for, and the CUDA that comes with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from slimtorch.image.naming import Content
from slimtorch.tables.torch import cuda_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slimtorch.project.model import Naming

# Plain torch of the public index says its CUDA only through what it depends on, most telling first.
_RUNTIMES = (re.compile(r"nvidia-cuda-runtime(?:-cu\d+)?"), re.compile(r"cuda-toolkit"))


class Named(Protocol):
    """A package by its name and version, such as a wheel of a lock."""

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def version(self) -> str:
        """Its version."""
        ...


@dataclass(frozen=True, slots=True)
class Package:
    """A package of an image."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class TorchFacts:
    """Torch in a set of wheels: `torch` version without local part ('' when there is none), `device` and `cuda`.

    `device` is ``cpu``, ``cuda12.8`` (``cuda`` when the version cannot be told), another accelerator as torch writes
    it (``rocm6.4``, ``xpu``), or '' when the wheels hold neither torch nor onnxruntime. `cuda` is ``12.8`` or ''.
    """

    torch: str = ""
    device: str = ""
    cuda: str = ""
    onnxruntime: str = ""


def facts(wheels: Iterable[Named]) -> TorchFacts:
    """What `wheels` hold of torch."""
    versions = {re.sub(r"[-_.]+", "-", wheel.name).lower(): wheel.version for wheel in wheels}
    cuda = _cuda_runtime(versions)
    onnx = versions.get("onnxruntime-gpu", versions.get("onnxruntime", ""))
    if "torch" not in versions:
        device = ("cuda" + cuda if "onnxruntime-gpu" in versions else "cpu") if onnx else ""
        return TorchFacts("", device, cuda if device.startswith("cuda") else "", onnx)
    torch, _, local = versions["torch"].partition("+")
    if local.startswith("cu"):
        cuda = cuda_of(local) or cuda
    elif local:
        return TorchFacts(torch, _local_device(local), "", onnx)
    return TorchFacts(torch, f"cuda{cuda}" if cuda or local else "cpu", cuda, onnx)


def wheels(owners: Iterable[str]) -> tuple[Package, ...]:
    """The wheels among the owners of an image's files (``wheel:torch==2.13.0``), each once."""
    pairs = [owner.removeprefix("wheel:").partition("==") for owner in set(owners) if owner.startswith("wheel:")]
    return tuple(Package(name, version) for name, _, version in sorted(pairs))


def content(found: TorchFacts, naming: Naming, python: str) -> Content:
    """What a tag may say about an image with these wheels, on this Python."""
    return Content(naming.version, found.torch, found.device, python, found.onnxruntime)


def _local_device(local: str) -> str:
    return match[0] if (match := re.match(r"(?:rocm[\d.]+|xpu|cpu)", local)) else local


def _cuda_runtime(versions: dict[str, str]) -> str:
    for pattern in _RUNTIMES:
        for name, version in sorted(versions.items()):
            if pattern.fullmatch(name):
                return ".".join(version.split(".")[:2])
    return ""
