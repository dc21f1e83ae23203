"""What a distribution brings: the modules that can be imported from it, what it needs, its entry points, its bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """One line of ``entry_points.txt`` (entry-points specification)."""

    group: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """One distribution, by what its wheel holds.

    `modules` are dotted names, packages and modules down to three levels (``google.protobuf``, ``cv2``). `requires` are
    the ``Requires-Dist`` lines of its METADATA as written, markers and extras included. `packed` are the wheel's bytes,
    `unpacked` those of its files. Where the wheel could not be read, `assumed` is true: the modules are then what a
    distribution of that name usually brings, good enough to explain an import, never to blame a requirement.
    """

    name: str
    version: str
    modules: frozenset[str]
    requires: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    entry_points: tuple[EntryPoint, ...] = ()
    packed: int = 0
    unpacked: int = 0
    assumed: bool = False
