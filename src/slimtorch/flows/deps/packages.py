"""Where what a project's requirements bring is read from: its own lock, another tool's, or resolved now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from slimtorch.build import brought as bringing
from slimtorch.build.fetching import request as of_project
from slimtorch.build.torch_device import Undeclared
from slimtorch.errors import LockError
from slimtorch.project import lock_file
from slimtorch.project.declared import PRODUCTION
from slimtorch.project.model import Requirements, Sources
from slimtorch.sources.request import Request
from slimtorch.sources.target import Target

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.build.brought import Brought
    from slimtorch.flows.deps.evidence import Opened
    from slimtorch.flows.packages import PackageSources
    from slimtorch.host.machine import Machine
    from slimtorch.project.model import Project

LOCKS = ("pylock.toml", "uv.lock")


def brought(found: Opened, sources: PackageSources, machine: Machine) -> Brought:
    """What the requirements of production bring, and those of development where they can be resolved."""
    project = found.project
    if project:
        asked = _asked(project, found.platform, sources, machine)
        made = _configured(project, asked, found, machine)
    else:
        asked = _plain(found, sources, machine)
        made = bringing.resolved(asked, found.declarations.of(PRODUCTION), machine)
    others = [item for item in found.declarations.items if item.group != PRODUCTION]
    if made.origin == "names" or not others:
        return made
    return replace(made, distributions={**bringing.softly(asked, others, machine), **made.distributions})


def asked(found: Opened, sources: PackageSources, machine: Machine) -> Request:
    """What to ask the sources for, on behalf of the project."""
    if found.project:
        return _asked(found.project, found.platform, sources, machine)
    return _plain(found, sources, machine)


def _asked(project: Project, platform: str, sources: PackageSources, machine: Machine) -> Request:
    return of_project(project, platform, sources.indexes(project, machine), None)


def _configured(project: Project, asked: Request, found: Opened, machine: Machine) -> Brought:
    path = project.root / lock_file.NAME
    if path.is_file() and (read := _locked(project, path, asked, machine)):
        return read
    production = found.declarations.of(PRODUCTION)
    return bringing.resolved(asked, production, machine, Undeclared(project, production).decide)


def _locked(project: Project, path: Path, asked: Request, machine: Machine) -> Brought | None:
    """The wheels of slimtorch.lock, which may be out of date; None where it has nothing for the platform."""
    notes: list[str] = []
    try:
        held = lock_file.read(path)
    except LockError as error:
        machine.progress.note(f"{error.message}; the requirements are resolved now")
        return None
    platform = held.platforms.get(asked.target.platform) or next(iter(held.platforms.values()), None)
    if platform is None:
        return None
    try:
        lock_file.check_fresh(held, project, path)
    except LockError as error:
        notes.append(f"{error.message}: what is said of sizes and of what brings what is as of that lock")
    return replace(bringing.locked(platform.wheels, path.name, asked, machine), notes=tuple(notes))


def _plain(found: Opened, sources: PackageSources, machine: Machine) -> Request:
    """What to ask for a project that slimtorch is not configured for: its own files, so that their options hold."""
    requirements = _requirements(found)
    indexes = sources.of(found.root, requirements, Sources(), machine)
    return Request(requirements, Target(found.python, found.platform), indexes, found.root)


def _requirements(found: Opened) -> Requirements:
    items = found.declarations.of(PRODUCTION)
    places = dict.fromkeys(item.location.path for item in items)
    if all(place.endswith("pyproject.toml") for place in places):
        if lock := next((found.root / name for name in LOCKS if (found.root / name).is_file()), None):
            return Requirements(lock=lock, origin=lock.name)
    elif all(place.endswith((".txt", ".in")) for place in places):
        return Requirements(files=tuple(found.root / place for place in places), origin=", ".join(places))
    return Requirements(inline=tuple(dict.fromkeys(item.text for item in items)), origin=", ".join(places))
