"""The nouns: a requirements file, its logical lines."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement


class Kind(StrEnum):
    """What a line of a requirements file is (pip's "Requirements File Format")."""

    REQUIREMENT = "requirement"
    EDITABLE = "editable"
    """``-e``: a folder or a version control address."""
    PLACE = "place"
    """A path or an address without a name."""
    INCLUDE = "include"
    """``-r``."""
    CONSTRAINT = "constraint"
    """``-c``."""
    OPTION = "option"
    """An index, hash or format option that holds for the whole file."""
    COMMENT = "comment"
    BLANK = "blank"


@dataclass(frozen=True, slots=True)
class Line:
    """One logical line: `raw` is its exact text, continuations and line end included; `number` counts from 1.

    `value` is the line without comment, continuations joined; for ``-r``, ``-c``, ``-e`` what the option names.
    `comment` is what follows the first ``#``, without the space around it. `name` is the canonical name of a
    requirement or, where it tells one (``#egg=``, the name of a wheel), of a place; else ''. `extras` and `marker` are
    those of a place or an editable line; a `requirement` has its own, and no version where that comes from a variable
    (``${VERSION}``). `hashes` are written ``sha256:…``. `options` are the options of the line, in their long form, with
    their values: (``--index-url``, ``https://…``). `problem` says why a line that should be a requirement is none, or
    what pip refuses about its options. `logical` is the line without comment, continuations joined, for every kind.
    """

    kind: Kind
    number: int
    raw: str
    value: str = ""
    comment: str = ""
    name: str = ""
    requirement: Requirement | None = None
    hashes: tuple[str, ...] = ()
    problem: str = ""
    options: tuple[tuple[str, str], ...] = ()
    extras: frozenset[str] = frozenset()
    marker: str = ""
    logical: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A whole file; joining the `raw` of its lines gives the file again, character for character.

    `encoding` is the codec to write it with (``utf-8-sig`` stands for UTF-8 with a byte order mark, which is no part of
    the lines), `newline` the line end that its first line has.
    """

    lines: tuple[Line, ...]
    encoding: str = "utf-8"
    newline: str = "\n"

    @property
    def text(self) -> str:
        """The file."""
        return "".join(line.raw for line in self.lines)
