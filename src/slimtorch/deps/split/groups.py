"""Dependency groups (PEP 735): which of them gets what, and that development's holds the tests'."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slimtorch.deps.split import toml_array
from slimtorch.deps.split.model import Place
from slimtorch.deps.split.toml_array import Array, Piece

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAMES = {Place.DEV: ("dev", "develop", "development"), Place.TEST: ("test", "tests", "testing")}
"""What the groups are called; the first is what a new one gets."""


@dataclass(frozen=True, slots=True)
class Aside:
    """What leaves production, with its comments; `on_one_line` and `indent` tell how it was written there."""

    dev: tuple[Piece, ...]
    test: tuple[Piece, ...]
    on_one_line: bool = False
    indent: str = toml_array.INDENT


def filled(tables: Mapping[str, Any], aside: Aside, newline: str) -> dict[str, Array]:
    """The groups that change, with what they hold then. Whoever installs ``dev`` has what production had before.

    Raises:
        ValueError: a group is no list of requirements.
    """
    start = Array((), "" if aside.on_one_line else newline, usual=aside.indent)
    dev_name, test_name = _name(tables, Place.DEV), _name(tables, Place.TEST)
    dev, test = (_present(tables, name, start) for name in (dev_name, test_name))
    found: dict[str, Array] = {}
    if aside.test:
        found[test_name] = _with(test, aside.test, newline)
    if aside.test and not _reaches(tables, dev_name, test_name):
        include = Piece(f'{{include-group = "{test_name}"}}', after=newline)
        found[dev_name] = dev = toml_array.added(dev, [include], newline, first=True)
    if aside.dev:
        found[dev_name] = _with(dev, aside.dev, newline)
    return found


def _present(tables: Mapping[str, Any], name: str, otherwise: Array) -> Array:
    if name not in tables:
        return otherwise
    try:
        return toml_array.parse(tables[name].as_string())
    except (AttributeError, ValueError):
        raise ValueError(f"dependency-groups.{name} is no list of requirements") from None


def _with(array: Array, pieces: Sequence[Piece], newline: str) -> Array:
    """The group with these requirements, but those that it has already."""
    present = {_written(value) for value in array.values}
    new = [piece for piece in pieces if not piece.value or _written(piece.value) not in present]
    return toml_array.added(array, new, newline)


def _written(value: str) -> str:
    return str(tomllib.loads(f"x = {value}")["x"])


def _name(tables: Mapping[str, Any], place: Place) -> str:
    """The name of the group, as the file writes it where it has one."""
    for wanted in NAMES[place]:
        for name in tables:
            if _normal(name) == wanted:
                return str(name)
    return NAMES[place][0]


def _reaches(tables: Mapping[str, Any], group: str, wanted: str) -> bool:
    """Whether a group includes another, directly or not."""
    seen, waiting = set(), [_normal(group)]
    by_name = {_normal(name): rows for name, rows in tables.items()}
    while waiting:
        name = waiting.pop()
        if name == _normal(wanted):
            return True
        if name not in seen and isinstance(rows := by_name.get(name), list):
            waiting += [
                _normal(str(row["include-group"])) for row in rows if isinstance(row, dict) and "include-group" in row
            ]
        seen.add(name)
    return False


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
