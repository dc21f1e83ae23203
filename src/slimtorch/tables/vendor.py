"""Whose library a file is: the table, and its checks."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any

from slimtorch import tables

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Vendors:
    """`names` are patterns of vendors' file names, `owners` the distributions under open licences less `exceptions`."""

    names: tuple[str, ...]
    owners: frozenset[str]
    exceptions: tuple[str, ...]

    def names_one(self, name: str) -> bool:
        """Whether a file of this name, or a library of this soname, is a vendor's wherever it stands."""
        return any(fnmatchcase(name, pattern) for pattern in self.names)

    def excepts(self, path: str) -> bool:
        """Whether the file at `path` belongs to a vendor although it came with an open distribution."""
        return any(fnmatchcase(path, f"*{pattern}") for pattern in self.exceptions)


@cache
def vendors() -> Vendors:
    """The table.

    Raises:
        ValueError: it is damaged, which is a bug.
    """
    return check_table(tables.load("vendor"))


def check_table(table: Mapping[str, Any]) -> Vendors:
    """The table, checked.

    Raises:
        ValueError: a list is empty, or names something twice; or the owners are not in order.
    """
    names, owners, exceptions = table["names"], table["open"]["owners"], table["open"]["except"]
    for found in (names, owners, exceptions):
        if not found or len(set(found)) != len(found):
            raise ValueError("the table of vendors has an empty list, or names something twice")
    if owners != sorted(owners):
        raise ValueError("the open distributions of the table of vendors are not in order")
    return Vendors(tuple(names), frozenset(owners), tuple(exceptions))
