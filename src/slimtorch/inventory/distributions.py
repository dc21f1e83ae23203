"""What a distribution brings: the modules that can be imported from it, what it needs, its entry points, its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """One line of ``entry_points.txt`` (entry-points specification)."""

    group: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """One distribution, by what its wheel holds.

    `modules` are dotted names, packages and modules down to three levels (``google.protobuf``, ``cv2``), deeper only
    to reach the first regular package. `namespaces` are those of them that are folders without an ``__init__.py`` and
    in no regular package (PEP 420): other distributions may bring parts of them. `requires` are the ``Requires-Dist``
    lines of its METADATA as written, markers and extras included. `packed` are the wheel's bytes, `unpacked` those of
    its files. Where the wheel could not be read, `assumed` is true: the modules are then what a distribution of that
    name usually brings, good enough to explain an import, never to blame a requirement.
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
    namespaces: frozenset[str] = frozenset()


class Owners:
    """Which distributions bring an import. Made once, asked thousands of times."""

    __slots__ = ("_assumed", "_certain")

    def __init__(self, distributions: Mapping[str, Distribution]) -> None:
        self._certain = _Names(item for item in distributions.values() if not item.assumed)
        self._assumed = _Names(item for item in distributions.values() if item.assumed)

    def of(self, module: str, names: Iterable[str] = ()) -> frozenset[str]:
        """The names of the distributions that ``import module``, or ``from module import names``, may load.

        The longest part of the dotted name that somebody brings decides; every distribution that brings it is named.
        A name that is no module comes from the package it is taken from; a namespace has nothing but what is brought.
        Empty when nobody brings it. Assumed modules answer only where no certain ones go as deep.
        """
        asked = [f"{module}.{name}" for name in names if name != "*"] or [module]
        return frozenset[str]().union(*map(self._one, asked))

    def _one(self, dotted: str) -> frozenset[str]:
        depth, certain = self._certain.of(dotted)
        assumed_depth, assumed = self._assumed.of(dotted)
        return certain | assumed if assumed_depth > depth else certain


class _Names:
    """Dotted names, and whose they are."""

    __slots__ = ("_parts", "_whole")

    def __init__(self, distributions: Iterable[Distribution]) -> None:
        whole: dict[str, set[str]] = {}
        parts: dict[str, set[str]] = {}
        for item in distributions:
            for module in item.modules:
                (parts if module in item.namespaces else whole).setdefault(module, set()).add(item.name)
        self._whole = {module: frozenset(names) for module, names in whole.items()}
        self._parts = {module: frozenset(names) for module, names in parts.items()}

    def of(self, dotted: str) -> tuple[int, frozenset[str]]:
        """How many levels of the name were found, and who brings them; (0, empty) when nobody does."""
        whole, parts = self._whole.get(dotted), self._parts.get(dotted)
        prefix = dotted
        if whole or parts:
            # A regular package hides a namespace of the same name; who brings parts of it still means to be found.
            return dotted.count(".") + 1, (whole or frozenset()) | (parts or frozenset())
        while prefix := prefix.rpartition(".")[0]:
            if whole := self._whole.get(prefix):
                return prefix.count(".") + 1, whole
            if prefix in self._parts:
                break
        return 0, frozenset()
