"""What a split is made of: where each requirement goes and why, and the texts that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Place(StrEnum):
    """Where a requirement belongs."""

    PROD = "prod"
    DEV = "dev"
    TEST = "test"
    """Tests only. A requirements file knows no difference from `DEV`; a ``pyproject.toml`` has a group for it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a distribution belongs, why, and the unpacked bytes that go with it."""

    to: Place
    why: str
    unpacked: int = 0


UNKNOWN = Decision(Place.PROD, "nothing is known of it, so it stays")
Decisions = Mapping[str, Decision]
"""By canonical name; what is not in it stays."""


@dataclass(frozen=True, slots=True)
class Move:
    """One requirement of a file: its line, counted from 1, its text, and what was decided."""

    line: int
    text: str
    name: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Include:
    """What a ``-r`` line becomes: the file that production includes and the one that development does, '' for none."""

    prod: str
    dev: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """The files of a split, by the names that they call each other. `includes` maps what follows ``-r``.

    `again` is true where an earlier split wrote the files, which then have to stay current.
    """

    source: str
    prod: str
    dev: str
    includes: Mapping[str, Include] = field(default_factory=dict)
    again: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """The texts of the two files, and every requirement in the order of the file. Without `moved` there is no `dev`."""

    prod: str
    dev: str
    moves: tuple[Move, ...]

    @property
    def moved(self) -> tuple[Move, ...]:
        """What leaves production."""
        return tuple(move for move in self.moves if move.decision.to is not Place.PROD)
