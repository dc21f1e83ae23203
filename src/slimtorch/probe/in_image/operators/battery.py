"""Runs families: a digest of each result's bytes, and a few of its values for those that never repeat exactly."""

from __future__ import annotations

import ctypes
import hashlib
import re
import warnings
from typing import TYPE_CHECKING, Any

from . import algebra, elements, layers, running
from .rig import FAMILIES, Rig, torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .rig import Tensor

SAMPLES = 64
ROOMS = (algebra, layers, elements, running)
"""The modules that fill the table."""
_CHANGING = re.compile(r"0x[0-9a-f]+|\bpid:? ?\d+|/tmp/\S+|/dev/shm/\S+")


def names(device: str, *, slow: bool) -> list[str]:
    """The families for a device, in the order in which they are run."""
    gpu = device.startswith("cuda")
    return [name for name, family in FAMILIES.items() if (gpu or not family.gpu) and (slow or not family.slow)]


def settle(threads: int = 1) -> None:
    """Makes torch compute the same each time, where it can without taking other kernels."""
    warnings.simplefilter("ignore")  # of operators that torch calls new or old
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False


def result(name: str, device: str) -> tuple[str, list[float]]:
    """The digest of a family's result, and some of its values.

    Raises:
        Exception: whatever the family raises.
    """
    digest, values = hashlib.sha256(), []
    made = FAMILIES[name].function(Rig(device))
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    for tensor in _flat(made):
        plain = _plain(tensor)
        digest.update(f"{plain.dtype}{tuple(plain.shape)}".encode())
        digest.update(ctypes.string_at(plain.data_ptr(), plain.numel() * plain.element_size()))
        values += _values(plain)
    return digest.hexdigest(), values


def outcome(name: str, device: str) -> dict[str, Any]:
    """The result as JSON: digest and values, or the error."""
    try:
        digest, values = result(name, device)
    except Exception as error:  # noqa: BLE001  (it is the result)
        return {"error": failure(error)}
    return {"digest": digest, "values": values}


def failure(error: BaseException) -> str:
    """What an error says, without what differs each time; one line."""
    text = _CHANGING.sub("…", " ".join(str(error).split()))
    return f"{type(error).__name__}: {text}"[:500]


def _flat(value: Tensor) -> Iterator[Tensor]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _flat(item)
    elif value is not None:
        yield value


def _plain(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    tensor = tensor.to_dense() if tensor.layout != torch.strided else tensor
    return tensor.cpu().resolve_conj().resolve_neg().contiguous()


def _values(plain: Tensor) -> list[float]:
    real = torch.view_as_real(plain) if plain.is_complex() else plain
    flat = real.double().ravel()
    step = max(1, flat.numel() // SAMPLES)
    return [float(f"{value:.9g}") for value in [flat.norm().item() if flat.numel() else 0.0, *flat[::step].tolist()]]
