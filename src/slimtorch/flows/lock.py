"""Project → slimtorch.lock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.build import fetching, lock_changes, locking, torch_device
from slimtorch.errors import LockError
from slimtorch.flows.packages import NOTHING_SPECIAL, PackageSources
from slimtorch.project import config, lock_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from slimtorch.deps.changes.lock import Changes
    from slimtorch.host.machine import Machine
    from slimtorch.project.lock import Lock
    from slimtorch.project.model import Project
    from slimtorch.sources.indexes import Indexes

NAME = "slimtorch.lock"
WORTH_SAYING = 1_000_000
"""Bytes that a download may change by before an ordinary run says so."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to lock. `vendor` is a folder that gets a copy of every pinned file; `explain` asks why things change."""

    project: Path = Path()
    sources: PackageSources = NOTHING_SPECIAL
    upgrade: bool = False
    upgrade_os: bool = False
    vendor: Path | None = None
    write: bool = True
    explain: bool = False


@dataclass(frozen=True, slots=True)
class Locked:
    """A lock, where it stands, and what it changes on each platform; the causes only where they were asked for.

    `declared` tells whether the project names its device itself.
    """

    lock: Lock
    path: Path
    changes: Mapping[str, Changes] = field(default_factory=dict)
    declared: bool = False


def lock(request: Request, machine: Machine) -> Locked:
    """The lock of a project, resolved now and (unless ``write`` is off) written beside its configuration.

    Raises:
        LockError: changes are to be explained, and there is no lock that they could be compared with.
        SlimtorchError: it cannot be resolved or written.
    """
    project = config.load(request.project)
    path = lock_path(project)
    previous = lock_file.read(path) if request.explain else _previous(path, machine)
    indexes = request.sources.indexes(project, machine)
    project = replace(project, os=request.sources.os(project))
    made = _resolve(project, previous, request, indexes, machine)
    changes = lock_changes.changes(previous, made) if previous else {}
    if previous and request.explain:
        changes = lock_changes.explained(project, previous, made, indexes, machine)
    for note in (*made.notes, *(() if request.explain else _grown(changes))):
        machine.progress.note(note)
    if request.write:
        _write(project, made, request, indexes, machine)
    return Locked(made, path, changes, declared=bool(project.torch.device))


def check(path: Path, machine: Machine) -> Lock:
    """The project's lock, where it fits the project.

    Raises:
        LockError: there is none, or it is stale.
    """
    project = config.load(path)
    return fresh(project, machine)


def fresh(project: Project, machine: Machine) -> Lock:
    """The project's lock, where it fits the project. Code that outgrew the device that was decided gets a note.

    Raises:
        LockError: there is none, or it is stale.
    """
    found = lock_file.read(lock_path(project))
    lock_file.check_fresh(found, project)
    if note := torch_device.changed(project, found):
        machine.progress.note(note)
    return found


def lock_path(project: Project) -> Path:
    """Where the project's lock stands."""
    return project.root / NAME


def _resolve(project: Project, previous: Lock | None, request: Request, indexes: Indexes, machine: Machine) -> Lock:
    keep = locking.Keep(wheels=not request.upgrade, debs=not (request.upgrade or request.upgrade_os))
    return locking.lock(project, previous, keep, indexes, machine)


def _write(project: Project, made: Lock, request: Request, indexes: Indexes, machine: Machine) -> None:
    lock_file.write(lock_path(project), made)
    if request.vendor:
        for platform, pinned in made.platforms.items():
            fetching.vendor(project, platform, pinned, indexes, machine, request.vendor)


def _grown(changes: Mapping[str, Changes]) -> Iterator[str]:
    """A line for each platform whose download changed by more than a little."""
    for platform, found in changes.items():
        if abs(found.size) > WORTH_SAYING:
            yield (
                f"{platform}: {found.summary} since the last lock ({found.counts}); "
                "`slimtorch lock --diff` says why while the last lock is in place"
            )


def _previous(path: Path, machine: Machine) -> Lock | None:
    """The present lock, whose versions are kept; one that cannot be read is replaced."""
    if not path.is_file():
        return None
    try:
        return lock_file.read(path)
    except LockError as error:
        machine.progress.note(f"the present lock is replaced: {error.message}")
        return None
