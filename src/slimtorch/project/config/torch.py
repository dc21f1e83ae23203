"""``[torch]``: the device that torch is resolved for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.project.config.kinds import text
from slimtorch.project.config.reader import BadValueError, Key, Section
from slimtorch.project.model import Torch

if TYPE_CHECKING:
    from slimtorch.project.config.reader import Table


def _device(value: object) -> str:
    if (found := text(value)) in {"cpu", "cuda"}:
        return found
    if found.startswith("cu"):
        raise BadValueError(
            f'must be "cpu" or "cuda", not {value!r}',
            "the CUDA version comes with the torch version that the requirements name, such as torch==2.9.1+cu128",
        )
    raise BadValueError(f'must be "cpu" or "cuda", not {value!r}')


DEVICE = Key(
    "device",
    _device,
    "",
    "What the service computes on. `cpu` finds a torch without CUDA, which is gigabytes smaller.",
    "whatever the requirements resolve to",
    '"cpu"',
)
SECTION = Section("torch", "Which torch.", (DEVICE,))


def read(table: Table) -> Torch:
    """The section."""
    return Torch(device=table.read(DEVICE))
