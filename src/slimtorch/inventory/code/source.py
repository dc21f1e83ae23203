"""From the bytes of a source file to its text and tree, or the reason why there is none."""

from __future__ import annotations

import ast
import codecs
import io
import re
import tokenize
from dataclasses import dataclass

MAX_LINE = 1000
"""Characters of a line that are searched for what is wrong with it."""

_NO_TEXT = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"})
"""Codecs that no editor writes; two of them take quadratic time."""

_PYTHON_2 = re.compile(
    r"""^[ \t]*(?:(?:.*[:;][ \t]*)?(?:print[ \t]*(?:["']|>>)|exec[ \t]*["']
          |(?:print|exec)[ \t]+(?!(?:if|and|or|in|is|for|else)\b)["'\w])
        |except[ \t]+[\w.() ,]+,[ \t]*[a-z_]\w*[ \t]*:
        |raise[ \t]+[\w.]+[ \t]*,)
      |<>|(?<!`)`[^`]+`(?!`)|\bur["']|\b(?:\d+|0[xX][0-9a-fA-F]+)[lL]\b""",
    re.VERBOSE,
)
"""What only Python 2 has, in a line whose texts are emptied.

``except A, B:`` is Python 3.14 as well, unless the second is a variable's name.
"""
_OCTAL = re.compile(r"(?<![\w.])0[0-7]+L?\b(?!\.)")
"""``0777``; also a part of a date, so that the parser has to stumble over the same."""

_TEXT = re.compile(r"(\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')|#.*")

_BROKEN = re.compile(
    r"(?!f-string).*(?:never closed|unterminated|EOF|indent|unmatched|does not match|triple-quoted|tabs)"
)
"""Errors that are errors in every Python."""

_GENERATED = re.compile(r"@generated|DO NOT EDIT", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a file has no tree, and the line."""

    reason: str
    line: int = 0


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
        return Unreadable("nested too deeply to be parsed")
    except ValueError as error:
        return Unreadable(f"cannot be parsed: {_first(error)}")


def _wrong(text: str, error: SyntaxError) -> Unreadable:
    """Python 2 where the line that is wrong is right there; any other error may be a newer Python."""
    line, words = error.lineno or 0, _first(error)
    before = text.split("\n", line)
    if 0 < line <= len(before) and _is_python_2(before[line - 1][:MAX_LINE], words):
        return Unreadable("Python 2", line)
    return Unreadable(f"syntax error: {words}", line)


def _is_python_2(line: str, words: str) -> bool:
    if _BROKEN.match(words):
        return False
    bare = _TEXT.sub(lambda match: '""' if match[1] else "", line)
    return _PYTHON_2.search(bare) is not None or ("leading zeros" in words and _OCTAL.search(bare) is not None)


def _first(error: Exception) -> str:
    """The first line of what an error says; a syntax error's own words."""
    words = error.msg if isinstance(error, SyntaxError) else str(error)
    return (words or type(error).__name__).splitlines()[0][:200]


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
