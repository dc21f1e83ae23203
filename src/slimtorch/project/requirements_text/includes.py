"""A requirements file and all that it includes with ``-r`` and ``-c``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from slimtorch.errors import ConfigError
from slimtorch.project.requirements_text.files import read
from slimtorch.project.requirements_text.model import Document, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from slimtorch.project.requirements_text.model import Line

MOST_FILES = 100


@dataclass(frozen=True, slots=True)
class File:
    """One file that was met. `top` is the index of the given path that led to it, `constraint` whether ``-c`` did."""

    path: Path
    document: Document
    top: int
    constraint: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """A file that could not be followed: what it `is` (``does not exist``), and the line that names it, 0 for none.

    `chain` is the way around when a file includes itself: its first and last file are the same.
    """

    path: Path
    what: str
    hint: str = ""
    named_in: Path | None = None
    line: int = 0
    top: int = 0
    chain: tuple[Path, ...] = ()


@dataclass(slots=True)
class _Met:
    """What was found so far.

    `seen` tells of each file whether it was met by ``-c`` alone, `open` are those that are being followed.
    """

    files: list[File] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    seen: dict[Path, bool] = field(default_factory=dict)
    open: list[tuple[Path, Path]] = field(default_factory=list)


def walk(paths: Iterable[Path]) -> tuple[tuple[File, ...], tuple[Fault, ...]]:
    """The files, each before those that it includes, and everything that could not be followed.

    Each comes once, or twice where ``-c`` names it and then ``-r`` does.
    Addresses (``-r https://…``) are not followed. A path is relative to the file that names it, as pip has it.
    """
    met = _Met()
    for top, path in enumerate(paths):
        _visit(met, File(path, Document(()), top), None)
    return tuple(met.files), tuple(met.faults)


def included(line: Line) -> str:
    """The path that a ``-r`` or ``-c`` line names; '' for any other line and for addresses."""
    if line.kind not in {Kind.INCLUDE, Kind.CONSTRAINT} or "://" in line.value:
        return ""
    return line.value


def _visit(met: _Met, file: File, by: tuple[Path, int] | None) -> None:
    named_in, line = by or (None, 0)
    key = identity(file.path)
    fault = Fault(file.path, "", named_in=named_in, line=line, top=file.top)
    above = [other for other, _ in met.open]
    if key in above:
        chain = [path for _, path in met.open][above.index(key) :]
        hint = "remove the -r or -c line that leads back"
        met.faults.append(replace(fault, what="includes itself", hint=hint, chain=(*chain, chain[0])))
    # What a constraint names is not installed; where -r names it too, it is read again for that.
    elif key not in met.seen or (met.seen[key] and not file.constraint):
        met.seen[key] = file.constraint
        if len(met.seen) <= MOST_FILES:
            _open(met, file, key, fault)
        elif len(met.seen) == MOST_FILES + 1:
            met.faults.append(replace(fault, what=f"is one of more than {MOST_FILES} files"))


def _open(met: _Met, file: File, key: Path, fault: Fault) -> None:
    try:
        document = read(file.path)
    except ConfigError as error:
        met.faults.append(replace(fault, what=error.problems[0], hint=error.hint))
        return
    met.open.append((key, file.path))
    _follow(met, replace(file, document=document))
    met.open.pop()


def _follow(met: _Met, file: File) -> None:
    met.files.append(file)
    for line in file.document.lines:
        if name := included(line):
            # As pip has it: what a constraints file names with -r are requirements.
            constraint = line.kind is Kind.CONSTRAINT
            _visit(met, File(file.path.parent / name, Document(()), file.top, constraint), (file.path, line.number))


def identity(path: Path) -> Path:
    """What two paths of one file have in common; the path itself where it leads in circles or nowhere."""
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):
        return path
