"""A small declarative layer over decoded TOML: keys that know their kind, tables that collect every problem.

A section file declares its keys once; reading, "did you mean" and the reference (``docs/reference/configuration.md``)
all come from that declaration.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")


class BadValueError(ValueError):
    """A value that a kind refuses: what it must be, and the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Key(Generic[T]):
    """One key: `kind` checks and converts a raw value; `shown` and `example` are TOML for the reference."""

    name: str
    kind: Callable[[object], T]
    default: T
    about: str
    shown: str = ""
    example: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the file: its dotted name ('' for the top level), its keys and the tables inside it."""

    name: str
    about: str
    keys: tuple[Key[Any], ...]
    tables: tuple[str, ...] = ()


@dataclass(slots=True)
class Problems:
    """Everything found wrong so far: one line each, and the distinct ways out."""

    lines: list[str] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def add(self, key: str, message: str, hint: str = "") -> None:
        """Notes that `key` (dotted, '' for the file) is wrong."""
        self.lines.append(f"{key}: {message}" if key else message)
        if hint and hint not in self.hints:
            self.hints.append(hint)


class Table:
    """One decoded table, read key by key; unknown keys are noted at once."""

    def __init__(self, data: Mapping[str, Any], section: Section, problems: Problems, prefix: str = "") -> None:
        self.data = data
        self.section = section
        self.problems = problems
        self.prefix = prefix
        known = [*(key.name for key in section.keys), *section.tables]
        for name in data:
            if name not in known:
                problems.add(self.dotted(name), "is not a key that slimtorch knows" + suggest(name, known))

    def __contains__(self, key: Key[Any]) -> bool:
        return key.name in self.data

    def dotted(self, name: str) -> str:
        """The full name of a key of this table, as messages give it."""
        return ".".join(filter(None, (self.prefix, self.section.name, name)))

    def read(self, key: Key[T]) -> T:
        """The checked value of `key`; its default when it is missing or wrong (then the problem is noted)."""
        if key.name not in self.data:
            return key.default
        try:
            return key.kind(self.data[key.name])
        except BadValueError as bad:
            self.bad(key, str(bad), bad.hint)
            return key.default

    def each(self, key: Key[tuple[T, ...]], check: Callable[[T], None]) -> tuple[T, ...]:
        """The members of a list-valued `key` that pass `check`; the others are noted one by one."""
        kept = []
        for item in self.read(key):
            try:
                check(item)
            except BadValueError as bad:
                self.bad(key, str(bad), bad.hint)
            else:
                kept.append(item)
        return tuple(kept)

    def bad(self, key: Key[Any], message: str, hint: str = "") -> None:
        """Notes that the value of `key` is wrong."""
        self.problems.add(self.dotted(key.name), message, hint)

    def table(self, section: Section) -> Table:
        """The table `section` inside this one; empty when it is missing or no table."""
        value = self.data.get(section.name.rpartition(".")[2], {})
        if not isinstance(value, dict):
            self.problems.add(
                ".".join(filter(None, (self.prefix, section.name))), f"must be a table, not {describe(value)}"
            )
            value = {}
        return Table(value, section, self.problems, self.prefix)


def suggest(name: str, known: list[str]) -> str:
    """``; did you mean …?`` for a name that is close to a known one, else ''."""
    folded = {word.lower(): word for word in known}
    near = difflib.get_close_matches(name.lower().replace("_", "-"), folded, 1)
    return f"; did you mean `{folded[near[0]]}`?" if near else ""


def describe(value: object) -> str:
    """What kind of TOML value this is, in words."""
    names: dict[type, str] = {
        bool: "true/false", str: "text", int: "a number", float: "a number", list: "a list", dict: "a table",
    }  # fmt: skip
    return names.get(type(value), "a date or time")


def walk(sections: tuple[Section, ...]) -> Iterator[str]:
    """Every dotted key that the sections know."""
    for section in sections:
        for key in section.keys:
            yield f"{section.name}.{key.name}" if section.name else key.name
