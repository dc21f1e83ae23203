"""Looking for many words in many bytes.

An expression that starts with a fixed text is searched for ten times as fast as one that starts with a choice, so the
words are sorted by how they start.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_START = 3
"""Bytes that words of one expression have in common."""


class Needles:
    """Words to look for; of words that start the same and overlap, the longest is found."""

    def __init__(self, words: Iterable[str]) -> None:
        groups: dict[bytes, list[bytes]] = {}
        for word in sorted({word.encode() for word in words}, key=lambda word: (-len(word), word)):
            groups.setdefault(word[:_START], []).append(word[_START:])
        self._expressions = [
            re.compile(re.escape(start) + b"(?:%b)" % b"|".join(map(re.escape, rests)))
            for start, rests in groups.items()
        ]

    def found(self, data: bytes) -> set[str]:
        """The words that the data holds."""
        return {match.decode() for expression in self._expressions for match in expression.findall(data)}

    def any(self, data: bytes) -> bool:
        """Whether the data holds one of the words."""
        return any(expression.search(data) for expression in self._expressions)
