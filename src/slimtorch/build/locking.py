"""Project → Lock: wheels by uv, Debian packages by apt, for every platform of the project."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slimtorch.build import bases, compatible, torch_device
from slimtorch.build.cuda_explained import explained
from slimtorch.build.fetching import architecture, request, tools
from slimtorch.build.torch_device import Undeclared
from slimtorch.deps.development import note as development_tools
from slimtorch.project.config import config_digest, inputs
from slimtorch.project.declared import PRODUCTION, read
from slimtorch.project.lock import Lock, LockedPlatform
from slimtorch.sources import apt, apt_resolve, downloads, torch_build
from slimtorch.sources.cuda_error import CudaError
from slimtorch.sources.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slimtorch.host.machine import Machine
    from slimtorch.project.declared import Declared
    from slimtorch.project.lock import LockedDeb
    from slimtorch.project.model import Project
    from slimtorch.sources.indexes import Indexes
    from slimtorch.sources.request import Request, Resolution

FRESH, HOUR = 0.0, 3600.0


@dataclass(frozen=True, slots=True)
class Keep:
    """Which pins of the previous lock stay where they still satisfy the project."""

    wheels: bool = True
    debs: bool = True


def lock(project: Project, previous: Lock | None, keep: Keep, indexes: Indexes, machine: Machine) -> Lock:
    """The project's pins for each of its platforms, and what is to be said about them.

    Raises:
        ConfigError: a requirement cannot be read, or ``[torch]`` asks for what was never built.
        ResolveError: nothing satisfies the requirements or the distribution packages, or what does so does not fit
            together or the device.
        MachineError: this machine cannot resolve distribution packages.
    """
    declared = read(project.root, project.requirements).of(PRODUCTION)
    notes = [*compatible.requested(project, declared), *development_tools(declared, project.requirements)]
    undeclared = Undeclared(project, declared)
    wanted = _Wanted(project, declared, undeclared)
    platforms: dict[str, LockedPlatform] = {}
    for platform in project.platforms:
        old = previous.platforms.get(platform) if previous else None
        with machine.progress.task(f"resolving for {platform}", 0):
            base = bases.lock(project, platform, machine) if project.os.base else None
            asked = request(project, platform, indexes, base)
            found = _wheels(replace(asked, keep=old.wheels if old and keep.wheels else ()), wanted, machine)
            debs = _debs(project, platform, previous if keep.debs else None, machine, newest=not keep.debs)
        notes += [*found.notes, *compatible.checked(found.wheels, project)]
        platforms[platform] = LockedPlatform(found.wheels, debs, base)
    return Lock(
        config_digest=config_digest(project),
        python=project.python,
        suite="" if project.os.base else project.os.suite,
        platforms=platforms,
        load_seconds=previous.load_seconds if previous else None,
        device=undeclared.decision.device if undeclared.decision else "",
        inputs=inputs(project),
        notes=tuple(dict.fromkeys(notes)),
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The project, what it declares, and who decides its device where it names none."""

    project: Project
    declared: Sequence[Declared]
    undeclared: Undeclared


def _wheels(asked: Request, wanted: _Wanted, machine: Machine) -> Resolution:
    ready = tools(asked.indexes, machine)
    undeclared = wanted.undeclared
    try:
        found = resolve(asked, ready, None if asked.device else undeclared.decide)
    except CudaError as error:
        raise explained(error, asked, wanted.declared, ready, machine) from None
    downloads.remember(found, machine.cache)
    if undeclared.decision and torch_build.needs_device(found.wheels):
        found = replace(found, notes=(torch_device.said(undeclared.decision, found, asked), *found.notes))
    return found


def _debs(
    project: Project, platform: str, previous: Lock | None, machine: Machine, *, newest: bool
) -> tuple[LockedDeb, ...]:
    """The distribution packages; those of the present lock, where the same ones are asked for."""
    if project.os.base:
        return ()
    if previous and platform in previous.platforms and _same_os(previous, project):
        return previous.platforms[platform].debs
    max_age = FRESH if newest else HOUR
    ready = apt.prepare(project.os, architecture(platform), machine, max_age=max_age)
    return apt_resolve.resolve(ready, project.python, project.os.packages)


def _same_os(previous: Lock, project: Project) -> bool:
    """Whether everything that decides the distribution packages is as it was."""
    now = inputs(project)
    return all(previous.inputs.get(name) == now.get(name) for name in ("os", "python"))
