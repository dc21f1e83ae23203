"""requirements.txt as a document: every character is kept, so that lines can move and the rest stays as it was."""

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

    `value` is the line without comment, continuations joined; for ``-r``, ``-c``, ``-e`` what the option names. `name`
    is the canonical name of a requirement or, where it tells one (``#egg=``), of a place; else ''. `problem` says why a
    line that should be a requirement is none.
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


@dataclass(frozen=True, slots=True)
class Document:
    """A whole file; joining the `raw` of its lines gives the file again, character for character."""

    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """The file."""
        return "".join(line.raw for line in self.lines)
