"""Which lines of a file are worth a look, found in its text before its tree is walked."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ast
    from collections.abc import Collection, Iterable

_IMPORT = re.compile(r"import(?<!\wimport)\b")
"""The word, written so that the search starts with a letter: twenty times as fast as with a word boundary."""


_WORD = re.compile(r"\w")
SHORT = 2
"""Letters of a name that is found so often in longer words that a pattern is faster."""


class Lines:
    """A sorted set of line numbers that answers whether any of them lies in a range."""

    __slots__ = ("_numbers", "_set")

    def __init__(self, numbers: Iterable[int]) -> None:
        self._set = frozenset(numbers)
        self._numbers = sorted(self._set)

    def __bool__(self) -> bool:
        return bool(self._numbers)

    def __or__(self, other: Lines) -> Lines:
        """The lines of both."""
        return Lines([*self._numbers, *other._numbers]) if other else self

    def cover(self, node: ast.AST) -> bool:
        """Whether a node covers one of the lines; one without a place (``ast.arguments``) may."""
        first: int | None = getattr(node, "lineno", None)
        return first is None or first in self._set or self.touch(first, node.end_lineno)  # type: ignore[attr-defined]

    def touch(self, first: int, last: int | None) -> bool:
        """Whether one of the lines lies between `first` and `last`, both included."""
        numbers = self._numbers
        at = bisect_left(numbers, first)
        return at < len(numbers) and numbers[at] <= (first if last is None else last)


def numbers(text: str, offsets: Iterable[int]) -> list[int]:
    """The line numbers, from 1, of offsets into the text, in ascending order."""
    found: list[int] = []
    line, last = 1, 0
    for offset in sorted(offsets):
        line += text.count("\n", last, offset)
        last = offset
        found.append(line)
    return found


def at(text: str, offsets: Iterable[int]) -> Lines:
    """The lines of these offsets."""
    return Lines(numbers(text, offsets))


def holding(text: str, words: Iterable[str]) -> list[int]:
    """Where one of the words stands, also as a part of a longer one."""
    found: list[int] = []
    for word in words:
        offset = text.find(word)
        while offset >= 0:
            found.append(offset)
            offset = text.find(word, offset + len(word))
    return found


def words(text: str, names: Collection[str]) -> list[int]:
    """Where one of the names stands as a whole word."""
    long = {name for name in names if len(name) > SHORT}
    short = sorted(set(names) - long)
    found = matching(text, re.compile(rf"\b(?:{'|'.join(map(re.escape, short))})\b")) if short else []
    for name in long:
        size = len(name)
        for offset in holding(text, (name,)):
            if not _WORD.match(text, offset + size) and not (offset and _WORD.match(text, offset - 1)):
                found.append(offset)
    return found


def matching(text: str, *patterns: re.Pattern[str]) -> list[int]:
    """Where matches of the patterns start. Patterns that start with fixed text are found many times as fast."""
    return [match.start() for pattern in patterns for match in pattern.finditer(text)]


def imports(text: str) -> Lines:
    """The lines with the word ``import``."""
    return at(text, matching(text, _IMPORT))
