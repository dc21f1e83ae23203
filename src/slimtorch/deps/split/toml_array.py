"""An array of a TOML document as rows that can be taken out and put in, with comments and layout (TOML 1.0, "Array").

tomlkit finds the array and puts it back; what is between its brackets is told apart here, because a comment in it
belongs to a requirement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slimtorch.deps.split.blocks import Row, Sort

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INDENT = "    "
LONGEST = 100
"""Characters of an array on one line."""
_TOKEN = re.compile(
    r"""(?P<value>\"{3}(?s:\\.|[^\\])*?\"{3,5}|'{3}(?s:.*?)'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\{[^{}]*\}|[^\s,#\[\]"'{}]+)"""
    r"""|(?P<comment>\#[^\n]*)|(?P<newline>\r?\n)|(?P<comma>,)|(?P<space>[ \t]+)"""
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A row of an array: `value` is an element as written, '' for comments and blank rows.

    `before` is the indent, `between` what stands between the value and its comma, `after` the rest of the row with its
    line end. Of a row without value, `after` is all of it.
    """

    value: str = ""
    before: str = ""
    between: str = ""
    comma: bool = True
    after: str = ""

    @property
    def row(self) -> Row:
        """What `blocks` sees of it; an element's place is set by whoever knows it."""
        if self.value:
            return Row(Sort.ITEM, self.value)
        return Row(Sort.COMMENT if self.after.strip() else Sort.BLANK, self.after)


@dataclass(frozen=True, slots=True)
class Array:
    """An array. `opening` is the rest of the bracket's own line, `closing` what stands before the last bracket.

    `usual` is the indent of an element where there is none yet to take it from.
    """

    pieces: tuple[Piece, ...]
    opening: str = ""
    closing: str = ""
    usual: str = INDENT

    @property
    def on_one_line(self) -> bool:
        """Whether there is no line end in it, nor room for a comment."""
        return "\n" not in self.text

    @property
    def values(self) -> tuple[str, ...]:
        """The elements, as written."""
        return tuple(piece.value for piece in self.pieces if piece.value)

    @property
    def indent(self) -> str:
        """The indent of its first element."""
        found = (piece.before for piece in self.pieces if piece.value and not self.on_one_line)
        return next(found, self.usual) or self.usual

    @property
    def text(self) -> str:
        """The array as TOML; an element has no comma after it only where it is the last."""
        last = max((number for number, piece in enumerate(self.pieces) if piece.value), default=-1)
        written = (
            piece.before
            + piece.value
            + piece.between
            + ("," if piece.value and (piece.comma or n < last) else "")
            + piece.after
            for n, piece in enumerate(self.pieces)
        )
        return "[" + self.opening + "".join(written) + self.closing + "]"


def parse(text: str) -> Array:
    """The array written in `text`, of strings and inline tables; ``parse(text).text == text``.

    Raises:
        ValueError: it holds something else.
    """
    tokens = list(_tokens(text.strip()[1:-1]))
    opening = ""
    if (end := next((n for n, (kind, _) in enumerate(tokens) if kind == "newline"), None)) is not None and not any(
        kind == "value" for kind, _ in tokens[:end]
    ):
        opening, tokens = "".join(word for _, word in tokens[: end + 1]), tokens[end + 1 :]
    pieces, closing = _pieces(tokens)
    array = Array(tuple(pieces), opening, closing)
    if array.text != text.strip():
        raise ValueError("an array that is laid out in an unusual way")
    return array


def without(array: Array, kept: Sequence[int]) -> Array:
    """The array with the pieces of these numbers only; it keeps its manner of ending with or without a comma."""
    pieces = [replace(array.pieces[number], before=_indent(array, number, frozenset(kept))) for number in kept]
    items = [number for number, piece in enumerate(pieces) if piece.value]
    if items:
        comma = next(piece.comma for piece in reversed(array.pieces) if piece.value)
        pieces[items[-1]] = replace(pieces[items[-1]], comma=comma)
    return replace(array, pieces=tuple(pieces))


def _indent(array: Array, number: int, kept: frozenset[int]) -> str:
    """What stands before a piece: where it becomes the first of its line, what stood before that one."""
    start = number
    while start and start - 1 not in kept and array.pieces[start - 1].value:
        if array.pieces[start - 1].after.endswith("\n"):
            break
        start -= 1
    return array.pieces[start].before


def added(array: Array, pieces: Sequence[Piece], newline: str, *, first: bool = False) -> Array:
    """The array with more pieces at its end (or its start), on one line as long as that is readable."""
    new = [piece for piece in pieces if piece.row.sort is not Sort.BLANK]
    plain = all(piece.value and not piece.after.strip() for piece in new)
    flat = [Piece(piece.value, " ", comma=False) for piece in new]
    if array.on_one_line and plain:
        joined = [*flat, *array.pieces] if first else [*array.pieces, *flat]
        heads = [replace(piece, before=" " if number else "") for number, piece in enumerate(joined)]
        if len((line := Array(tuple(heads))).text) <= LONGEST:
            return line
    tall = array if not array.on_one_line else _tall(array, newline)
    indent = tall.indent
    rows = [_reindented(piece, indent, newline) for piece in new]
    closing = tall.closing
    old = list(tall.pieces)
    if old and not old[-1].after.endswith("\n"):
        old[-1] = replace(old[-1], after=old[-1].after + newline)
    return Array((*rows, *old) if first else (*old, *rows), tall.opening, closing)


def _tall(array: Array, newline: str) -> Array:
    return Array(tuple(_reindented(piece, array.usual, newline) for piece in array.pieces), newline)


def _reindented(piece: Piece, indent: str, newline: str) -> Piece:
    if not piece.value:
        return Piece(after=indent + piece.after.strip() + newline)
    comment = piece.after.strip()
    return Piece(piece.value, indent, "", comma=True, after=(f"  {comment}" if comment else "") + newline)


def _tokens(body: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(body):
        match = _TOKEN.match(body, place)
        if not match or match.lastgroup is None:
            raise ValueError(f"{body[place : place + 20]!r} in an array of requirements")
        yield match.lastgroup, match[0]
        place = match.end()


def _pieces(tokens: Sequence[tuple[str, str]]) -> tuple[list[Piece], str]:
    """Rows, and what is left before the bracket."""
    pieces: list[Piece] = []
    number, pending = 0, ""
    while number < len(tokens):
        kind, word = tokens[number]
        if kind == "value":
            piece, number = _element(tokens, number, pending)
            pieces.append(piece)
            pending = ""
            continue
        pending += word
        number += 1
        if kind == "newline":
            pieces.append(Piece(after=pending))
            pending = ""
    return pieces, pending


def _element(tokens: Sequence[tuple[str, str]], number: int, before: str) -> tuple[Piece, int]:
    value = tokens[number][1]
    number += 1
    comma = next((n for n in range(number, len(tokens)) if tokens[n][0] in {"comma", "value"}), len(tokens))
    has_comma = comma < len(tokens) and tokens[comma][0] == "comma"
    between = ""
    if has_comma:
        between = "".join(word for _, word in tokens[number:comma])
        number = comma + 1
    end = _end_of_row(tokens, number)
    after = "".join(word for _, word in tokens[number:end])
    return Piece(value, before, between, comma=has_comma, after=after), end


def _end_of_row(tokens: Sequence[tuple[str, str]], number: int) -> int:
    """Behind the line end where the row ends with this element; before the next one's space otherwise."""
    for end in range(number, len(tokens)):
        if tokens[end][0] == "newline":
            return end + 1
        if tokens[end][0] in {"value", "comma"}:
            return number
    return number
