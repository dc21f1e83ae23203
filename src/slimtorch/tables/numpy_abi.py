"""Packages whose compiled code does not run with numpy 2, and the releases that end this."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version

from slimtorch import tables

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Boundary:
    """The `last` release of a package known to need numpy 1, and the `first` known to run with numpy 2.

    `loads` is true where the package is imported all the same, and fails only where it hands arrays over.
    """

    name: str
    last: Version
    first: Version
    loads: bool = False


@cache
def boundaries() -> Mapping[str, Boundary]:
    """Every package of the table, by canonical name.

    Raises:
        ValueError: the table is damaged, which is a bug.
    """
    return check_table(tables.load("numpy_abi")["packages"])


def check_table(rows: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Boundary]:
    """The rows as boundaries.

    Raises:
        ValueError: a row is incomplete, no version, or upside down.
    """
    found = {}
    for name, row in rows.items():
        try:
            last, first = Version(row["last"]), Version(row["first"])
        except (KeyError, TypeError, InvalidVersion) as error:
            raise ValueError(f"the numpy table's versions of {name} are no versions ({error})") from None
        if not last < first:
            raise ValueError(f"the numpy table's versions of {name} are upside down")
        found[name] = Boundary(name, last, first, row.get("loads") is True)
    return found


def needs_numpy_1(name: str, version: str) -> Boundary | None:
    """The boundary of a package whose `version` is known to need numpy 1; None for every other."""
    boundary = boundaries().get(name)
    try:
        return boundary if boundary and Version(Version(version).public) <= boundary.last else None
    except InvalidVersion:
        return None
