"""Requirements files as bytes: which encoding they have, and the way back."""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from slimtorch.errors import ConfigError
from slimtorch.project.requirements_text.parser import parse

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.project.requirements_text.model import Document

LARGEST = 16_000_000
"""Bytes of one file; a fully hashed file of a large project has about a hundredth."""
MOST_LINES = 200_000
HEAD = 20
"""Lines in which a tool tells that it wrote the file, and from what."""

# UTF-32 first: its mark begins with that of UTF-16. PowerShell's `pip freeze > requirements.txt` writes UTF-16.
_MARKS = (
    ("utf-8-sig", codecs.BOM_UTF8),
    ("utf-32-le", codecs.BOM_UTF32_LE),
    ("utf-32-be", codecs.BOM_UTF32_BE),
    ("utf-16-le", codecs.BOM_UTF16_LE),
    ("utf-16-be", codecs.BOM_UTF16_BE),
)
_COOKIE = re.compile(rb"coding[:=]\s*([-\w.]+)")
# Codecs of host names: their work grows with the square of the input.
_REFUSED = re.compile(r"idna|punycode", re.IGNORECASE)
_HINT = "save the file as UTF-8, or name its encoding in the first line: # -*- coding: latin-1 -*-"


def read(path: Path) -> Document:
    """The document of a file, whatever of pip's encodings it has.

    These are UTF-8, what a byte order mark says (UTF-8, UTF-16, UTF-32), and what a comment in the first two lines says
    (``# -*- coding: latin-1 -*-``, as in PEP 263).

    Raises:
        ConfigError: the file does not exist, cannot be read, is a folder, is larger than `LARGEST` bytes or has more
            than `MOST_LINES` lines, or is no text.
    """
    text, encoding = _decode(path, content(path, LARGEST))
    document = replace(parse(text), encoding=encoding)
    if len(document.lines) > MOST_LINES:
        raise ConfigError(str(path), [f"has more than {MOST_LINES} lines"])
    return document


def head(path: Path) -> Document:
    """The first lines of a file, at most `HEAD`, where the tools that write such files say so.

    Raises:
        ConfigError: as `read`, but for the number of lines.
    """
    text, encoding = _decode(path, content(path, LARGEST))
    first = islice(io.StringIO(text, newline=""), HEAD)
    return replace(parse("".join(first)), encoding=encoding)


def encode(document: Document) -> bytes:
    """The bytes to write for a document: what was read, for one that was read.

    Raises:
        UnicodeEncodeError: a line that was added has characters that the encoding lacks.
    """
    mark = dict(_MARKS).get(document.encoding, b"")
    return mark + document.text.encode("utf-8" if document.encoding == "utf-8-sig" else document.encoding)


def content(path: Path, largest: int) -> bytes:
    """The bytes of a file of the project, of at most `largest` bytes.

    Raises:
        ConfigError: it does not exist, is no file, cannot be read or is larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except FileNotFoundError:
        raise ConfigError(str(path), ["does not exist"]) from None
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read ({error.strerror})"]) from None
    except ValueError:
        raise ConfigError(str(path), ["is not a path"]) from None
    if len(data) > largest:
        raise ConfigError(str(path), [f"is larger than {largest} bytes"])
    return data


def _decode(path: Path, data: bytes) -> tuple[str, str]:
    for encoding, mark in _MARKS:
        if data.startswith(mark):
            return _text(path, data[len(mark) :], "utf-8" if encoding == "utf-8-sig" else encoding), encoding
    for line in data.split(b"\n", 2)[:2]:
        if line.startswith(b"#") and (match := _COOKIE.search(line)):
            encoding = _normal(match[1].decode("ascii", "replace"))
            return _text(path, data, encoding), encoding
    return _text(path, data, "utf-8"), "utf-8"


def _normal(encoding: str) -> str:
    if re.fullmatch(r"utf[-_]?8([-_]sig)?", encoding, re.IGNORECASE):
        return "utf-8"
    return "none" if _REFUSED.fullmatch(encoding) else encoding


def _text(path: Path, data: bytes, encoding: str) -> str:
    try:
        # UTF-7 and its like have several writings of one text: what is read could not be written back.
        text = data.decode(encoding)
        same = text.encode(encoding) == data
    except LookupError:
        problem = f"names an encoding that is not one of texts: {encoding!r}"
        raise ConfigError(str(path), [problem], hint=_HINT) from None
    except UnicodeError:
        text, same = "", False
    if not same or "\0" in text:
        kind = "UTF-8" if encoding == "utf-8" else encoding
        raise ConfigError(str(path), [f"is not {kind} text"], hint=_HINT)
    return text
