"""Which part of a source tree is read, and what is known about it beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

ANY_VERSION = ""
"""No particular Python: what is standard library in any version counts as standard library."""


def everything(path: str) -> bool:  # noqa: ARG001 - a predicate that does not look
    """True: the whole tree goes into the image."""
    return True


@dataclass(frozen=True, slots=True)
class Scope:
    """What to read. All paths are relative to the root, with slashes.

    `roots` are the folders that imports are looked up in ('' is the root itself; name the folders of PYTHONPATH here);
    `ships` tells whether a file goes into the image: one that does not is never part of the service. `exclude` are
    folders that are left out. `python` is the version that runs the service (``3.12``).
    """

    roots: tuple[str, ...] = ("", "src")
    ships: Callable[[str], bool] = everything
    exclude: tuple[str, ...] = ()
    python: str = ANY_VERSION
