"""Requirements files as a declaration: which there are, which group each is for, and what they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.errors import ConfigError
from slimtorch.findings import Location
from slimtorch.project.declared import conflicts, groups, pyproject, setuptools, via
from slimtorch.project.declared.found import Found, Wrong, is_there, joined, of_line, place_of, placed, relative
from slimtorch.project.declared.halves import superseded
from slimtorch.project.declared.model import PRODUCTION
from slimtorch.project.declared.toml import load
from slimtorch.project.requirements_text import Kind, walk
from slimtorch.project.requirements_text.files import head
from slimtorch.project.requirements_text.includes import identity
from slimtorch.project.requirements_text.parser import CONDA

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from slimtorch.project.requirements_text import Fault, File, Line

FOLDERS = ("requirements", "reqs", "requirement")
SUFFIXES = frozenset({".txt", ".in"})
MOST = 100
"""Files that are looked at in one folder."""


@dataclass(frozen=True, slots=True)
class Top:
    """A file that is read for its own sake, and the group that its requirements are for."""

    path: Path
    group: str


def find(root: Path) -> tuple[Top, ...]:
    """The requirements files of a project, those for production first; constraints are none.

    One that ``slimtorch deps split`` took apart gives way to what it became.
    """
    tops = [Top(path, groups.of_name(path.stem)) for path in _listed(root) if groups.is_requirements(path.stem)]
    for folder in FOLDERS:
        tops += [Top(path, groups.of_name(path.stem)) for path in _listed(root / folder)]
    halved = superseded(top.path for top in tops)
    tops = [top for top in tops if top.path not in halved]
    return tuple(sorted(tops, key=lambda top: (top.group != PRODUCTION, top.group)))


def declared(tops: Iterable[Top], root: Path, *, metadata: bool) -> tuple[Top, ...]:
    """The files that people write: one that pip-compile or uv made gives way to those that it was made from.

    `metadata` tells whether the project's metadata declares something, which such a file may also come from.
    """
    tops = tuple(tops)
    kept: dict[Path, Top] = {}
    for top in tops:
        written = any(other.group == top.group and not groups.is_locked(other.path.stem) for other in tops)
        for path in _written(top, root, metadata=metadata, pinned=groups.is_locked(top.path.stem) and written):
            kept.setdefault(path, Top(path, top.group))
    return tuple(kept.values())


def contents(tops: Iterable[Top], root: Path, own: str = "") -> Found:
    """What the files, and all that they include, declare; files that pin one name differently are wrong.

    A file that is included belongs to the group of the first that includes it, production before the others.
    """
    tops = sorted(tops, key=lambda top: top.group != PRODUCTION)
    files, faults = walk(top.path for top in tops)
    own_group = {identity(top.path): top.group for top in reversed(tops)}
    grouped = []
    for file in files:
        inherited = tops[file.top].group
        grouped.append((file, inherited and own_group.get(identity(file.path), inherited)))
    parts = [_file(file, group, root, own) for file, group in grouped if not file.constraint]
    wrong = [*(_fault(fault, tops[fault.top].group, root) for fault in faults), *conflicts.pins(grouped, root)]
    return joined([*parts, Found(wrong=tuple(wrong))])


def _listed(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())
    except OSError:
        return []
    return [path for path in found if not groups.is_constraints(path.stem)][:MOST]


def _written(top: Top, root: Path, *, metadata: bool, pinned: bool) -> tuple[Path, ...]:
    beside = top.path.with_suffix(".in")
    if top.path.suffix == ".txt" and is_there(beside):
        return (beside,)
    try:
        sources = via.made_from(head(top.path))
    except ConfigError:
        return (top.path,)
    if sources is None:
        return () if pinned else (top.path,)
    files = [path for name in sources for path in (top.path.parent / name, root / name) if is_there(path)]
    if texts := tuple(path for path in files if path.suffix in SUFFIXES and path != top.path):
        return texts
    return () if metadata else (top.path,)


def _file(file: File, group: str, root: Path, own: str) -> Found:
    name = relative(file.path, root)
    lines = file.document.lines
    exported = [line for line in lines if line.problem and CONDA.fullmatch(line.logical)]
    parts = [_conda(exported, name, group)] if len(exported) > 1 else []
    left_out = {line.number for line in exported} if len(exported) > 1 else set()
    for index, line in enumerate(lines):
        place = Location(name, line.number)
        if line.number in left_out:
            continue
        if line.kind in {Kind.EDITABLE, Kind.PLACE} and not line.name and not line.problem:
            parts.append(_local(line, file.path.parent, place, group, root))
        else:
            parts.append(of_line(line, group, place, via.reasons(file.document, index, own)))
    return joined(parts)


def _local(line: Line, folder: Path, place: Location, group: str, root: Path) -> Found:
    path = folder / place_of(line)
    if "://" in line.value or not is_there(path, folder=True):
        item = placed(line, "", group, place)
    elif path.resolve() == root.resolve():
        return Found()
    else:
        item = placed(line, _name_of(path), group, place)
    return Found((item,)) if item.name else Found(nameless=(item,))


def _name_of(folder: Path) -> str:
    """The canonical name of the distribution in a folder, as its metadata tells it (``setup.py`` is not run), or ''."""
    try:
        toml = load(folder / "pyproject.toml", folder)
    except ConfigError:
        toml = None
    return (toml and pyproject.name_in(toml)) or setuptools.read(folder).own


def _conda(lines: list[Line], name: str, group: str) -> Found:
    first = lines[0]
    text = f"{first.problem} ({len(lines)} such lines)"
    return Found(wrong=(Wrong(Location(name, first.number), text, fatal=group == PRODUCTION),))


def _fault(fault: Fault, group: str, root: Path) -> Wrong:
    if fault.chain:
        text = f"includes itself ({' → '.join(relative(path, root) for path in fault.chain)})"
    else:
        text = f"{relative(fault.path, root)} {fault.what}" if fault.named_in else fault.what
    return Wrong(Location(relative(fault.named_in or fault.path, root), fault.line), text, fault.hint, fatal=not group)
