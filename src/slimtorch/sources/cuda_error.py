"""What is said where the wheels are not for the device that the project asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.errors import ResolveError
from slimtorch.project.sizes import written
from slimtorch.sources import torch_build
from slimtorch.sources.uv_output import Annotation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from slimtorch.project.lock import LockedWheel
    from slimtorch.sources.request import Request, Resolution

SHOWN = 4
"""Packages that are named before the rest is counted."""


class CudaError(ResolveError):
    """The wheels are not for the device that was asked for; `resolution` is what the requirements resolve to."""

    def __init__(self, message: str, resolution: Resolution, *, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.resolution = resolution


def unmet(found: Resolution, request: Request, annotations: Mapping[str, Annotation]) -> CudaError:
    """The error for wheels that came without what the project asks for, with the megabytes of CUDA."""
    if request.device == "cuda":
        return _another_cuda(found, request)
    lock = request.requirements.lock
    cuda = torch_build.offenders(found.wheels, request.target)
    return CudaError(
        f'{request.origin} brings CUDA, but the project says device = "cpu": {amount(cuda)}: {_who(cuda, annotations)}',
        found,
        hint=f"lock a CPU build of torch in {lock.name}, or set [torch] device"
        if lock
        else "serve a +cpu build of torch by an index or a --find-links folder, allow PyTorch's own index, "
        'or set [torch] device = "cuda"',
    )


def amount(cuda: Sequence[LockedWheel]) -> str:
    """What CUDA takes of a download: ``2.7 GB in 17 packages``, torch itself not counted."""
    wheels = [wheel for wheel in cuda if wheel.name != "torch"] or cuda
    packages = f"{len(wheels)} package{'s' if len(wheels) > 1 else ''}"
    size = sum(wheel.size for wheel in wheels)
    return f"{written(size)} in {packages}" if size else packages


def _who(cuda: Sequence[LockedWheel], annotations: Mapping[str, Annotation]) -> str:
    told = []
    for wheel in cuda[:SHOWN]:
        names = annotations.get(wheel.name, Annotation()).via
        via = [name for name in names if not name.startswith("-")]
        told.append(f"{wheel.name}=={wheel.version}" + (f" (for {', '.join(via)})" if via else ""))
    return ", ".join(told) + (f" and {len(cuda) - SHOWN} more" if len(cuda) > SHOWN else "")


def _another_cuda(found: Resolution, request: Request) -> CudaError:
    wanted, lock = f"CUDA {request.cuda}".rstrip(), request.requirements.lock
    holds = torch_build.torch_cuda(found.wheels)
    torch = next(wheel.version for wheel in found.wheels if wheel.name == "torch")
    has = "has no CUDA" if holds == "none" else f"is built for CUDA {holds}" if holds else "does not say its CUDA"
    return CudaError(
        f"[torch] asks for {wanted}, and torch {torch}, which {request.origin} resolves to, {has} ({found.unmet})",
        found,
        hint=f"lock a torch for {wanted} in {lock.name}, or change [torch]"
        if lock
        else f"serve a build of torch for {wanted} by an index or a --find-links folder, allow PyTorch's own index, "
        "or change [torch]",
    )
