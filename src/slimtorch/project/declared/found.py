"""What one origin of declarations yields, and how one requirement becomes a `Declared`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from slimtorch.project.declared.model import PRODUCTION, Declared
from slimtorch.project.requirements_text import Kind, parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slimtorch.findings import Location
    from slimtorch.project.requirements_text import Line


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is wrong at a place; `fatal` where it leaves open what production needs."""

    location: Location
    text: str
    hint: str = ""
    fatal: bool = True

    @property
    def line(self) -> str:
        """The problem as a message has it: ``requirements.txt:3: …``."""
        place = f"{self.location.path}:{self.location.line}" if self.location.line else self.location.path
        return f"{place}: {self.text}" if place else self.text


@dataclass(frozen=True, slots=True)
class Found:
    """What one origin says. `own` is the canonical name of the project, or ''."""

    items: tuple[Declared, ...] = ()
    nameless: tuple[Declared, ...] = ()
    wrong: tuple[Wrong, ...] = ()
    own: str = ""

    def groups(self) -> frozenset[str]:
        """The groups that something is declared for."""
        return frozenset(item.group for item in self.items)


def joined(parts: Iterable[Found]) -> Found:
    """All parts as one; the first own name counts."""
    parts = tuple(parts)
    return Found(
        tuple(item for part in parts for item in part.items),
        tuple(item for part in parts for item in part.nameless),
        tuple(wrong for part in parts for wrong in part.wrong),
        next((part.own for part in parts if part.own), ""),
    )


def lines(rows: Iterable[tuple[str, Location]], group: str) -> Found:
    """Requirements written as texts, each with its place."""
    return joined(of_line(one, group, location) for text, location in rows for one in parse(text).lines)


def of_line(line: Line, group: str, location: Location, via: tuple[str, ...] = ()) -> Found:
    """What a line of a requirements file declares: one thing, nothing, or a problem."""
    if line.problem:
        return Found(wrong=(Wrong(location, line.problem, fatal=group == PRODUCTION),))
    if line.kind not in {Kind.REQUIREMENT, Kind.EDITABLE, Kind.PLACE}:
        return Found()
    if line.requirement:
        one = line.requirement
        extras = frozenset(canonicalize_name(extra) for extra in one.extras)
        marker = str(one.marker) if one.marker else ""
        return Found((Declared(line.name, str(one), location, group, extras, marker, via),))
    item = placed(line, line.name, group, location, via)
    return Found((item,)) if item.name else Found(nameless=(item,))


def placed(line: Line, name: str, group: str, location: Location, via: tuple[str, ...] = ()) -> Declared:
    """A path or an address as a requirement of that name; without one its text is the place alone."""
    place = place_of(line)
    extras = f"[{','.join(sorted(line.extras))}]" if line.extras else ""
    text = f"{name}{extras} @ {place}" + (f" ; {line.marker}" if line.marker else "") if name else place
    return Declared(name, text, location, group, line.extras, line.marker, via)


def place_of(line: Line) -> str:
    """The path or address of an editable line or a place, without extras, marker and options."""
    place = line.value.partition(" --")[0]
    place = place.partition("; " if "://" in place else ";")[0].strip()
    return place.rpartition("[")[0] if line.extras and place.endswith("]") else place


def relative(path: Path, root: Path) -> str:
    """The path as messages have it: relative to the project, with slashes."""
    return Path(os.path.relpath(path, root)).as_posix()


def is_there(path: Path, *, folder: bool = False) -> bool:
    """Whether a file or folder of that name exists; false also for a name that none can have."""
    try:
        return path.is_dir() if folder else path.is_file()
    except (OSError, ValueError):
        return False
