"""What the pass ``traced`` leaves alone, and why: the table, and its checks."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any

from slimtorch import tables
from slimtorch.tables import gpu_use

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Kept:
    """`files` are patterns of paths below site-packages and `packages` distributions that stay, each with the reason.

    `gpu` are patterns of distributions that do something only where there is a GPU, `compilers` those of them that
    only run-time compilation uses.
    """

    files: Mapping[str, str]
    packages: Mapping[str, str]
    gpu: tuple[str, ...]
    compilers: tuple[str, ...]

    def file(self, path: str) -> str:
        """Why the file at `path`, below site-packages, stays; '' where the table does not say so."""
        return next((why for pattern, why in self.files.items() if fnmatchcase(path, pattern)), "")

    def needs_gpu(self, name: str) -> bool:
        """Whether the distribution `name` does nothing without a GPU."""
        return any(fnmatchcase(name, pattern) for pattern in self.gpu)

    def compiles(self, name: str) -> bool:
        """Whether the distribution `name` is only used where something is compiled at run time."""
        return any(fnmatchcase(name, pattern) for pattern in self.compilers)


@cache
def kept() -> Kept:
    """The table.

    Raises:
        ValueError: the table is damaged, which is a bug.
    """
    return check(tables.load("traced"))


def check(value: Mapping[str, Any]) -> Kept:
    """The table from its JSON values.

    Raises:
        ValueError: an entry has no reason, or is not in order.
    """
    for part in ("files", "packages"):
        if not all(isinstance(why, str) and why for why in value[part].values()):
            raise ValueError(f"the table of what is kept: an entry of {part!r} has no reason")
    if list(value["packages"]) != sorted(value["packages"]):
        raise ValueError("the table of what is kept: packages are not sorted by name")
    gpu = (*value["gpu"], *gpu_use.known().needs)
    return Kept(value["files"], value["packages"], gpu, tuple(value["compilers"]))
