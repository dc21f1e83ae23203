"""Imports in text that is no Python tree: files that cannot be parsed, and code that stands in a text."""

from __future__ import annotations

import re
from itertools import islice
from keyword import iskeyword
from typing import TYPE_CHECKING

from slimtorch.inventory.code import lines
from slimtorch.inventory.code.model import Form
from slimtorch.inventory.code.statements import Named

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_IMPORTS = 20_000
"""Imports of one text; what holds more is no program."""

_STATEMENT = re.compile(
    r"(?:^|[:;}])[ \t]*+(?:from[ \t]++(\.*+)[ \t]*+((?:(?!import\b)\w[\w.]*+)?)[ \t]*+(?:\\\n[ \t]*+)?"
    r"\bimport\b[ \t]*+|import[ \t]++(?=[\w\\]))"
    r"|(?:__import__|import_module)\(\s*[\"']([\w.]+)[\"']",
    re.MULTILINE,
)
"""Possessive throughout: no text takes more than one pass."""
_NAMES = re.compile(r"\(([^)]{0,2000})|((?:\\\n|[^\n;#]){0,2000})")
_NAME = re.compile(r"\s*+(\*|[\w.]++)")
_COMMENT = re.compile(r"#[^\n]*|\\\n")


def of_bytes(data: bytes) -> list[Named]:
    """What the bytes of a source file seem to import, whatever their encoding: names of modules are ASCII.

    Null bytes are left out, so that the ASCII part of UTF-16 is read as well.
    """
    text = data.replace(b"\0", b"").decode("latin-1").removeprefix("ï»¿").removeprefix("ÿþ").removeprefix("þÿ")
    return list(of_text(text.replace("\r\n", "\n").replace("\r", "\n")))


def of_text(text: str) -> Iterator[Named]:
    """What a text seems to import, by line from 1, as optional imports: nobody is to be blamed for any of them."""
    if "import" not in text:
        return
    matches = list(islice(_STATEMENT.finditer(text), MAX_IMPORTS))
    # A match starts with the last character of the statement before it, never with the line's.
    for match, line in zip(matches, lines.numbers(text, (match.start() for match in matches)), strict=True):
        yield from _named(match, text, line)


def _named(match: re.Match[str], text: str, line: int) -> Iterator[Named]:
    dots, module, literal = match.groups()
    if literal is not None:
        found = [Named(literal, (), line, Form.OPTIONAL)]
    elif module is None:
        found = [Named(name, (), line, Form.OPTIONAL) for name in _listed(text, match.end())]
    else:
        found = [Named(module, tuple(_listed(text, match.end())), line, Form.OPTIONAL, len(dots))]
    for named in found:
        if (named.level and not named.module) or all(part.isidentifier() for part in named.module.split(".")):
            yield named


def _listed(text: str, start: int) -> Iterator[str]:
    """The names of a list, without what they are called afterwards; the list may end in anything."""
    match = _NAMES.match(text, start)
    listed = _COMMENT.sub(" ", match[1] or match[2] or "") if match else ""
    for part in listed.split(","):
        word = _NAME.match(part)
        if word is None or iskeyword(word[1]):
            return
        yield word[1]
