"""From the bytes of a source file to its text and tree, or the reason why there is none."""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
from dataclasses import dataclass

from slimtorch.inventory.code import lines

MAX_LINE = 1000
"""Characters of a line that are searched for what is wrong with it."""

_NO_TEXT = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"})
"""Codecs that no editor writes; two of them take quadratic time."""

_PYTHON_2 = re.compile(
    r"""^[ \t]*(?:(?:.*:[ \t]*)?print[ \t]+(?:["'\w%(]|>>)|(?:.*:[ \t]*)?exec[ \t]+["'\w]
        |except[ \t]+[\w.() ,]+,[ \t]*[a-z_]\w*[ \t]*:
        |raise[ \t]+[\w.]+[ \t]*,)
      |<>|`|\bur["']|\b0[0-7]+L?\b|\b\d+L\b""",
    re.VERBOSE,
)
"""What only Python 2 has. ``except A, B:`` is Python 3.14 as well, unless the second is a variable's name."""

_BROKEN = re.compile(r"(?!f-string).*(?:never closed|EOF|indent|unmatched|does not match|triple-quoted|tabs)")
"""Errors that are errors in every Python."""

_GENERATED = re.compile(r"@generated|DO NOT EDIT", re.IGNORECASE)
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import\b|import[ \t]+([\w., \t]+))", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a file has no tree, and the line; `salvage` are the lines and modules it seems to import all the same."""

    reason: str
    line: int = 0
    salvage: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a file, every line ended by one newline, and its tree."""

    text: str
    tree: ast.Module


def decode(data: bytes) -> str:
    """The text, by byte order mark and coding cookie (PEP 263); lines end with a newline.

    Raises:
        SyntaxError: the cookie names no encoding.
        UnicodeError: the bytes are not in the encoding.
        LookupError: the encoding is none of text.
    """
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    if codecs.lookup(encoding).name.replace("-", "_") in _NO_TEXT:
        raise LookupError(encoding)
    text = data.decode(encoding)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def parse(data: bytes) -> Source | Unreadable:
    """The tree of a source file; never raises. Warnings about the code are the caller's to silence."""
    try:
        text = decode(data)
    except (SyntaxError, UnicodeError, LookupError, ValueError) as error:
        return Unreadable(f"its text cannot be decoded: {_first(error)}")
    if "\0" in text:
        return Unreadable("no text: it holds null bytes")
    try:
        return Source(text, ast.parse(text))
    except SyntaxError as error:
        return _wrong(text, error)
    except (RecursionError, MemoryError):
        return Unreadable("nested too deeply to be parsed", 0, _salvage(text))
    except ValueError as error:
        return Unreadable(f"cannot be parsed: {_first(error)}", 0, _salvage(text))


def _wrong(text: str, error: SyntaxError) -> Unreadable:
    """Python 2 and what was not written to its end never run; other errors may be a newer Python: imports are kept."""
    line = error.lineno or 0
    before = text.split("\n", line)
    if 0 < line <= len(before) and _PYTHON_2.search(before[line - 1][:MAX_LINE]):
        return Unreadable("Python 2", line)
    words = _first(error)
    return Unreadable(f"syntax error: {words}", line, () if _BROKEN.match(words) else _salvage(text))


def _first(error: Exception) -> str:
    """The first line of what an error says; a syntax error's own words."""
    words = error.msg if isinstance(error, SyntaxError) else str(error)
    return (words or type(error).__name__).splitlines()[0][:200]


def _salvage(text: str) -> tuple[tuple[int, str], ...]:
    matches = list(_IMPORT.finditer(text))
    found: list[tuple[int, str]] = []
    for match, line in zip(matches, lines.numbers(text, (match.start() for match in matches)), strict=True):
        names = [match[1]] if match[1] else [part.split()[0] for part in match[2].split(",") if part.split()]
        found += [(line, name) for name in names if all(part.isidentifier() for part in name.split("."))]
    return tuple(found)


def is_generated(path: str, text: str) -> bool:
    """Whether a program wrote the file: protobuf's names, or a notice in the comments that it starts with."""
    if path.endswith(("_pb2.py", "_pb2_grpc.py")):
        return True
    head = text[:2000]
    if "enerated" not in head and "EDIT" not in head.upper():
        return False
    for line in head.splitlines()[:20]:
        if line.strip() and not line.startswith("#"):
            return False
        if _GENERATED.search(line):
            return True
    return False
