"""What compiles code while a service runs: the table, and its checks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from slimtorch import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that code is compiled with, in words, and the Debian packages that bring it (none: Debian has none)."""

    what: str
    debian: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compiles:
    """A function (or, in `modules`, a package) that compiles at run time: the tools it needs on each device, and why.

    Not with one of the literal arguments in `harmless`, and not beside one of the distributions in `unless`.
    """

    name: str
    needs: Mapping[str, tuple[str, ...]]
    why: str
    harmless: frozenset[str] = frozenset()
    unless: frozenset[str] = frozenset()


@cache
def tools() -> Mapping[str, Tool]:
    """Every tool by its name in the table."""
    found = tables.load("compilers")["tools"]
    return {name: Tool(row["what"], tuple(row["debian"])) for name, row in found.items()}


@cache
def references() -> Mapping[str, Compiles]:
    """What compiles, by the full dotted name of the function that does it.

    Raises:
        ValueError: the table is damaged, which is a bug.
    """
    return check_rows(tables.load("compilers")["references"])


@cache
def modules() -> Mapping[str, Compiles]:
    """What compiles, by the top-level module of the package that does it."""
    return check_rows(tables.load("compilers")["modules"])


def check_rows(rows: list[dict[str, Any]]) -> Mapping[str, Compiles]:
    """The rows by name.

    Raises:
        ValueError: a row names a tool that does not exist, says nothing of a device, or is not in order.
    """
    found = {row["name"]: _row(row) for row in rows}
    if [row["name"] for row in rows] != sorted(found):
        raise ValueError("the table of compilers is not sorted by name, or holds a name twice")
    return found


def _row(row: dict[str, Any]) -> Compiles:
    for tool in (tool for device in DEVICES for tool in row[device]):
        if tool not in tools():
            raise ValueError(f"the table of compilers: {row['name']} needs {tool!r}, which is no tool")
    needs = {device: tuple(row[device]) for device in DEVICES}
    return Compiles(
        row["name"], needs, row["why"], frozenset(row.get("harmless", ())), frozenset(row.get("unless", ()))
    )
