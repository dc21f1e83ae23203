"""The table of families, and what makes their inputs."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Tensor = Any
"""A tensor, or tuples and lists of them: torch is not there when this file is checked."""
torch: Any = importlib.import_module("torch")


class Rig:
    """Makes a family's inputs: on the CPU from a fixed seed, then moved, so that every device gets the same."""

    def __init__(self, device: str) -> None:
        self.device, self.gpu = device, device.startswith("cuda")
        self.n = 512 if self.gpu else 96
        """The side of a large matrix."""
        self.half = torch.float16 if self.gpu else torch.bfloat16
        self.source = torch.Generator().manual_seed(20240229)
        torch.manual_seed(20240301)

    def rand(self, *shape: int, dtype: Tensor = None, grad: bool = False) -> Tensor:
        """Normal numbers."""
        made = torch.randn(*shape, generator=self.source).to(self.device, dtype or torch.float32)
        return made.requires_grad_(grad)

    def ints(self, high: int, *shape: int) -> Tensor:
        """Whole numbers from 0 up to `high`."""
        return torch.randint(0, high, shape, generator=self.source).to(self.device)

    def layer(self, made: Tensor) -> Tensor:
        """The layer on the device."""
        return made.to(self.device)


Function = Callable[[Rig], Tensor]


@dataclass(frozen=True)
class Family:
    """How a family's results are computed. `gpu`: only there; `slow`: it takes more than a second on a CPU."""

    function: Function
    gpu: bool = False
    slow: bool = False


FAMILIES: dict[str, Family] = {}


def family(name: str, *, gpu: bool = False, slow: bool = False) -> Callable[[Function], Function]:
    """Enters a function into the table."""

    def enter(function: Function) -> Function:
        FAMILIES[name] = Family(function, gpu, slow)
        return function

    return enter


def backward(out: Tensor, *inputs: Tensor) -> Tensor:
    """A result, and the gradients of its sum of squares."""
    first = out[0] if isinstance(out, tuple) else out
    return (first, *torch.autograd.grad(first.float().square().sum(), inputs))
