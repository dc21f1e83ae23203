"""Declared requirements: one noun for every way of writing them down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slimtorch.findings import Location

PRODUCTION = ""
"""The group of what the service itself needs."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One requirement as the project writes it.

    `name` is canonical (PEP 503), `text` a PEP 508 line. `group` is '' for production; else the dependency group, the
    extra (``extra:NAME``) or what the file's name says (``dev``, ``tests``, ``docs``). `via` are the names that the
    tool which wrote the file gives as the reason (``# via fastapi``): empty where a person wrote the line.
    """

    name: str
    text: str
    location: Location
    group: str = PRODUCTION
    extras: frozenset[str] = frozenset()
    marker: str = ""
    via: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Declarations:
    """Everything a project declares. `own` is the project's own distribution name, canonical, or ''.

    `nameless` are paths and addresses that tell no name: something comes from them, and nobody knows what. `problems`
    is what is wrong outside production, or could not be told without running code: one line each, with file and line.
    """

    items: tuple[Declared, ...]
    own: str = ""
    nameless: tuple[Declared, ...] = ()
    problems: tuple[str, ...] = ()

    def of(self, group: str) -> tuple[Declared, ...]:
        """The requirements of one group."""
        return tuple(item for item in self.items if item.group == group)
