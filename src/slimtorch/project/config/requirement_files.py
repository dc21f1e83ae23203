"""The requirements files of a project, as the configuration checks them and as they decide the lock."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.project.requirements_text import Kind, walk
from slimtorch.project.requirements_text.includes import identity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slimtorch.project.requirements_text import Document, Fault


@dataclass(frozen=True, slots=True)
class RequirementFile:
    """One file: its name relative to the project, its logical lines with their numbers, its problems."""

    path: Path
    name: str
    lines: tuple[tuple[int, str], ...]
    problems: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What matters of the file: equal where only comments, blank lines or line ends differ."""
        return "\n".join(line for _, line in self.lines)


def read(paths: Iterable[Path], root: Path) -> tuple[RequirementFile, ...]:
    """The files and all that they include, each once; a file that cannot be read has no lines and a problem.

    A file that includes itself is no problem here: whoever installs from it says so.
    """
    files, faults = walk(paths)
    once = {identity(file.path): file for file in reversed(files)}
    return (
        *(_of(file.path, root, file.document) for file in reversed(once.values())),
        *(_missing(fault, root) for fault in faults if not fault.chain),
    )


def _of(path: Path, root: Path, document: Document) -> RequirementFile:
    name = _name(path, root)
    problems = (
        f"{name}:{line.number}: {line.problem}"
        for line in document.lines
        if line.problem and line.kind is Kind.REQUIREMENT and not line.requirement
    )
    return RequirementFile(path, name, _lines(document), tuple(problems))


def _missing(fault: Fault, root: Path) -> RequirementFile:
    name = _name(fault.path, root)
    where = f"{_name(fault.named_in, root)}:{fault.line}: " if fault.named_in else ""
    shown = repr(name) if fault.what == "is not a path" else name
    return RequirementFile(fault.path, name, (), (f"{where}{shown} {fault.what}",))


def _lines(document: Document) -> tuple[tuple[int, str], ...]:
    return tuple((line.number, line.logical) for line in document.lines if line.logical)


def _name(path: Path, root: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()
