"""What could be swapped for something smaller: the table, and its checks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from packaging.utils import canonicalize_name

from slimtorch import tables

CONDITIONS = frozenset({"gui", "no-gpu", "gpu", "always"})


@dataclass(frozen=True, slots=True)
class Twin:
    """A distribution and what does the same: `when` is the condition under which it does."""

    remove: str
    add: tuple[str, ...]
    when: str
    why: str


@dataclass(frozen=True, slots=True)
class Few:
    """A library that is often there for a few functions: at most `most` names of it, none below `without`."""

    module: str
    most: int
    instead: str
    without: tuple[str, ...]


@cache
def twins() -> tuple[Twin, ...]:
    """Every twin, by the name that it replaces.

    Raises:
        ValueError: the table is damaged, which is a bug.
    """
    return check_twins(tables.load("swaps")["twins"])


def check_twins(rows: list[dict[str, Any]]) -> tuple[Twin, ...]:
    """The rows as twins.

    Raises:
        ValueError: a row's name or condition is none, or the rows are not in order.
    """
    found = tuple(Twin(row["remove"], tuple(row["add"]), row["when"], row["why"]) for row in rows)
    for twin in found:
        if twin.when not in CONDITIONS or any(canonicalize_name(name) != name for name in (twin.remove, *twin.add)):
            raise ValueError(f"the table of swaps: {twin.remove} has a name or condition that is none")
    if [twin.remove for twin in found] != sorted({twin.remove for twin in found}):
        raise ValueError("the table of swaps is not sorted, or holds a name twice")
    return found


@cache
def windows() -> frozenset[str]:
    """The full names of OpenCV's functions that need a window."""
    row = tables.load("swaps")["windows"]
    return frozenset(f"{row['module']}.{name}" for name in row["names"])


@cache
def few() -> tuple[Few, ...]:
    """Libraries that are often there for a function or two."""
    rows = {name: row for name, row in tables.load("swaps")["few"].items() if name != "about"}
    return tuple(Few(name, row["most"], row["instead"], tuple(row["without"])) for name, row in sorted(rows.items()))
