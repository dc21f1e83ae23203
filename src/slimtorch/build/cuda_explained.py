"""CUDA in a service for CPUs: the refusal gets the chain that brought it in, from the metadata of the wheels."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from slimtorch.deps.device import chains as cuda_reasons
from slimtorch.errors import SlimtorchError
from slimtorch.inventory.needs import environment
from slimtorch.sources import distributions, downloads, torch_build
from slimtorch.sources.cuda_error import CudaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slimtorch.host.machine import Machine
    from slimtorch.project.declared.model import Declared
    from slimtorch.sources.request import Request, Tools


def explained(
    error: CudaError, request: Request, declared: Sequence[Declared], tools: Tools, machine: Machine
) -> CudaError:
    """The error with the reasons, as far as the wheels' metadata can be had."""
    found = error.resolution
    cuda = torch_build.offenders(found.wheels, request.target)
    if request.device != "cpu" or not cuda:
        return error
    lock = request.requirements.lock
    # In another tool's lock, a line for every package says nothing about who wanted it.
    lines = () if lock and lock.name != "uv.lock" else declared
    told: tuple[str, ...] = ()
    with suppress(SlimtorchError):
        downloads.remember(found, machine.cache)
        wheels = [wheel for wheel in found.wheels if wheel.size]
        known = distributions.of(wheels, request, tools, machine.cache, machine.progress)
        names = [wheel.name for wheel in sorted(cuda, key=lambda wheel: -wheel.size)]
        told = cuda_reasons.reasons(names, known, lines, environment(request.target.python, request.target.machine))
    return CudaError("\n".join([error.message, *(f"  {line}" for line in told)]), found, hint=error.hint)
