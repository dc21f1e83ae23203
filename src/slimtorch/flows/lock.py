"""Project → slimtorch.lock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.build import fetching, locking
from slimtorch.errors import LockError
from slimtorch.flows.packages import NOTHING_SPECIAL, PackageSources
from slimtorch.project import config, lock_file

if TYPE_CHECKING:
    from slimtorch.host.machine import Machine
    from slimtorch.project.lock import Lock
    from slimtorch.project.model import Project

NAME = "slimtorch.lock"


@dataclass(frozen=True, slots=True)
class Request:
    """What to lock. `vendor` is a folder that gets a copy of every pinned file."""

    project: Path = Path()
    sources: PackageSources = NOTHING_SPECIAL
    upgrade: bool = False
    upgrade_os: bool = False
    vendor: Path | None = None
    write: bool = True


@dataclass(frozen=True, slots=True)
class Locked:
    """A lock and where it stands."""

    lock: Lock
    path: Path


def lock(request: Request, machine: Machine) -> Locked:
    """The lock of a project, resolved now and (unless ``write`` is off) written beside its configuration."""
    project = config.load(request.project)
    return Locked(_resolve(project, request, machine), lock_path(project))


def check(path: Path) -> Lock:
    """The project's lock, where it fits the project.

    Raises:
        LockError: there is none, or it is stale.
    """
    project = config.load(path)
    return fresh(project)


def fresh(project: Project) -> Lock:
    """The project's lock, where it fits the project."""
    found = lock_file.read(lock_path(project))
    lock_file.check_fresh(found, project)
    return found


def lock_path(project: Project) -> Path:
    """Where the project's lock stands."""
    return project.root / NAME


def _resolve(project: Project, request: Request, machine: Machine) -> Lock:
    path = lock_path(project)
    previous = _previous(path, machine)
    keep = locking.Keep(wheels=not request.upgrade, debs=not (request.upgrade or request.upgrade_os))
    indexes = request.sources.indexes(project, machine)
    os = request.sources.os(project)
    made = locking.lock(replace(project, os=os), previous, keep, indexes, machine)
    for note in made.notes:
        machine.progress.note(note)
    if request.write:
        lock_file.write(path, made)
    if request.write and request.vendor:
        for platform, pinned in made.platforms.items():
            fetching.vendor(replace(project, os=os), platform, pinned, indexes, machine, request.vendor)
    return made


def _previous(path: Path, machine: Machine) -> Lock | None:
    """The present lock, whose versions are kept; one that cannot be read is replaced."""
    if not path.is_file():
        return None
    try:
        return lock_file.read(path)
    except LockError as error:
        machine.progress.note(f"the present lock is replaced: {error.message}")
        return None
