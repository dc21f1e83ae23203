"""A requirements file as two: production's, and development's that starts by including it."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from slimtorch.deps.split import blocks
from slimtorch.deps.split.blocks import Row, Sort
from slimtorch.deps.split.model import UNKNOWN, Include, Move, Place, Split
from slimtorch.project.declared.halves import heading
from slimtorch.project.requirements_text import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from slimtorch.deps.split.model import Decision, Decisions, Names
    from slimtorch.project.requirements_text import Document, Line

NAMED = frozenset({Kind.REQUIREMENT, Kind.EDITABLE, Kind.PLACE})
"""Lines that install something."""
ASIDE = frozenset({Place.DEV, Place.TEST})
_PROD = frozenset({Place.PROD})
_COOKIE = re.compile(r"#.*coding[:=]\s*[-\w.]+")


def plan(document: Document, decisions: Decisions, names: Names) -> Split:
    """The two files that a requirements file becomes, and what was decided of each requirement.

    Every line stands in exactly one of them, as it was written and in the same order. Options (indexes, constraints)
    stay with production; development reaches them through its ``-r`` line. Where nothing leaves production, `prod` is
    the file as it was, unless the files are to be written `again`.
    """
    moves = tuple(_moves(document, decisions))
    cookie, lines = _cookie(document.lines)
    rows = tuple(_rows(lines, decisions, names))
    places = blocks.place(rows)
    if not names.again and not any(row.sort is Sort.ITEM and row.place in ASIDE for row in rows):
        return Split(document.text, "", moves)
    end = document.newline
    prod, dev = (
        _text([rows[number].text for number in blocks.pick(rows, places, wanted)], end) for wanted in (_PROD, ASIDE)
    )
    prod = "".join(cookie) + heading(names.source, prod=True) + end * 2 + prod
    dev = f"-r {names.prod}{end}" + "".join(cookie[-1:]) + heading(names.source, prod=False) + end * 2 + dev
    return Split(prod, dev, moves)


def is_generated(document: Document) -> bool:
    """Whether the comment above the file says that a tool wrote it."""
    head = itertools.takewhile(lambda line: line.kind is Kind.COMMENT, document.lines)
    return any(blocks.GENERATED.search(line.raw) for line in head)


def decision_of(line: Line, decisions: Decisions) -> Decision:
    """What was decided of a line; one that tells no name stays."""
    return decisions.get(line.name, UNKNOWN) if line.name else UNKNOWN


def _moves(document: Document, decisions: Decisions) -> Iterator[Move]:
    for line in document.lines:
        if line.kind in NAMED:
            text = re.split(r"\s--", line.logical, maxsplit=1)[0]
            decision = decision_of(line, decisions)
            # A requirements file has no group for tests.
            to = Place.DEV if decision.to is Place.TEST else decision.to
            yield Move(line.number, text, line.name, replace(decision, to=to))


def _cookie(lines: Sequence[Line]) -> tuple[list[str], Sequence[Line]]:
    """What has to stay on top, since it names the encoding (PEP 263: in the first two lines), and the rest."""
    for count, line in enumerate(lines[:2], 1):
        if line.number <= 2 and line.kind is Kind.COMMENT and _COOKIE.match(line.raw):
            return [above.raw for above in lines[:count]], lines[count:]
    return [], lines


def _rows(lines: Sequence[Line], decisions: Decisions, names: Names) -> Iterator[Row]:
    noted = False  # whether an indented comment would belong to the requirement above it, as ``# via`` does
    for line in lines:
        indented = line.raw[:1].isspace()
        if line.kind is Kind.COMMENT:
            noted = noted and indented
            yield Row(Sort.NOTE if noted else Sort.COMMENT, line.raw)
            continue
        noted = line.kind in NAMED and not indented
        if line.kind is Kind.BLANK:
            yield Row(Sort.BLANK, line.raw)
        elif line.kind is Kind.INCLUDE:
            include = names.includes.get(line.value, Include(line.value))
            halves = ((include.prod, Place.PROD), (include.dev, Place.DEV))
            yield from (Row(Sort.ITEM, _renamed(line, name), place) for name, place in halves if name)
        else:
            yield Row(Sort.ITEM, line.raw, decision_of(line, decisions).to if line.kind in NAMED else Place.PROD)


def _renamed(line: Line, name: str) -> str:
    if name == line.value:
        return line.raw
    start, found, rest = line.raw.rpartition(line.value)
    return start + name + rest if found else f"-r {name}\n"


def _text(rows: list[str], newline: str) -> str:
    """The rows as one text; one that ended its file gets a line end when another follows."""
    ended = [row if row[-1:] in "\r\n" or number == len(rows) else row + newline for number, row in enumerate(rows, 1)]
    return "".join(ended)
