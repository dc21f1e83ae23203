"""Libraries that a stand-in may take the place of: the table of those that were tried, and its checks."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any

from slimtorch import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_CODE = 0x7FFF
"""The most that the code of a stand-in returns."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """How one library is replaced.

    `name` is the word for the setting, `title` the library's own name, `sonames` says of each soname with what it was
    tried, `without` what a service loses. Functions return `code`, those that fit a pattern of `values` its value, and
    those that fit a pattern of `texts` the address of the message.
    """

    name: str
    title: str
    sonames: Mapping[str, str]
    without: str
    code: int
    values: Mapping[str, int] = field(default_factory=dict)
    texts: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """What the stand-in says for itself."""
        return (
            f"this image has a stand-in for {self.title}: slimtorch left the library out "
            f'([slim] stubs = ["{self.name}"]); take it off that list to get it back'
        )

    def stands_for(self, soname: str) -> bool:
        """Whether the soname is the library's, tried or not."""
        stems = {known.partition(".so")[0] for known in self.sonames}
        return soname.partition(".so")[0] in stems

    def returns(self, function: str) -> int | None:
        """What a function of the stand-in returns; None for the message."""
        if any(fnmatchcase(function, pattern) for pattern in self.texts):
            return None
        return next((value for pattern, value in self.values.items() if fnmatchcase(function, pattern)), self.code)


@cache
def stand_ins() -> Mapping[str, StandIn]:
    """Every library that may be replaced, by the name of its setting, sorted.

    Raises:
        ValueError: the table is damaged, which is a bug.
    """
    return check_table(tables.load("stubs"))


def check_table(table: Mapping[str, Any]) -> Mapping[str, StandIn]:
    """The table's libraries by name.

    Raises:
        ValueError: a name is out of order, refused as well, says nothing, or a value is none that code can return.
    """
    found: dict[str, StandIn] = {}
    for name, row in table["libraries"].items():
        found[name] = StandIn(name, **{**row, "texts": tuple(row.get("texts", ()))})
        codes = [found[name].code, *found[name].values.values()]
        if any(abs(code) > LARGEST_CODE for code in codes):
            raise ValueError(f"the table of stand-ins: {name} returns {codes}, which is too much")
        if not found[name].code or not found[name].sonames or not found[name].without:
            raise ValueError(f"the table of stand-ins says too little of {name}, or it never fails")
    if list(found) != sorted(found) or found.keys() & table["refused"].keys():
        raise ValueError("the table of stand-ins is not sorted, or refuses what it offers")
    return found


def names() -> tuple[str, ...]:
    """The names that ``[slim] stubs`` may hold."""
    return tuple(stand_ins())


def complaint(name: str) -> str:
    """What is wrong with a name in ``[slim] stubs``; '' when nothing is."""
    if name in stand_ins():
        return ""
    refused: Mapping[str, str] = tables.load("stubs")["refused"]
    plain = name.lower().removeprefix("lib").partition(".")[0].replace("_", "").replace("-", "")
    if plain in refused:
        return f"`{name}` cannot have a stand-in: {refused[plain]}"
    near = [plain] if plain in stand_ins() else difflib.get_close_matches(plain, [*stand_ins()], 1)
    guess = f"; did you mean `{near[0]}`?" if near else ""
    return f"no stand-in for `{name}` has been tried{guess}; there are {', '.join(names())}"
