"""Files that are installed together and pin one distribution to different versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

from slimtorch.findings import Location
from slimtorch.project.declared.found import Wrong, relative
from slimtorch.project.declared.model import PRODUCTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from slimtorch.project.requirements_text import File, Line


@dataclass(frozen=True, slots=True)
class _Pin:
    name: str
    version: Version
    location: Location

    def __str__(self) -> str:
        return f"{self.location.path}:{self.location.line} pins {self.name}=={self.version}"


def pins(files: Iterable[tuple[File, str]], root: Path) -> Iterator[Wrong]:
    """A problem for each pin that excludes an earlier one of the same group, constraints included.

    Pins below different markers do not meet; ``==2.9`` and ``==2.9+cpu`` allow the same.
    """
    first: dict[tuple[str, str, str], _Pin] = {}
    for file, group in files:
        for line in file.document.lines:
            if (version := _pinned(line)) is None or line.requirement is None:
                continue
            pin = _Pin(line.name, version, Location(relative(file.path, root), line.number))
            other = first.setdefault((group, line.name, str(line.requirement.marker or "")), pin)
            if not _agree(pin.version, other.version):
                text = f"{other} and {pin}"
                yield Wrong(Location(""), text, f"keep one version of {pin.name}", fatal=group == PRODUCTION)


def _pinned(line: Line) -> Version | None:
    found = list(line.requirement.specifier) if line.requirement else []
    if len(found) != 1 or found[0].operator not in {"==", "==="}:
        return None
    try:
        return Version(found[0].version)
    except InvalidVersion:
        return None


def _agree(one: Version, other: Version) -> bool:
    if one.local and other.local:
        return one == other
    return Version(one.public) == Version(other.public)
