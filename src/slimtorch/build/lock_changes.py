"""Two locks beside each other, with the metadata of their wheels where the changes are to be explained."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from slimtorch.build.fetching import request, tools
from slimtorch.deps.changes import lock as compared
from slimtorch.errors import SlimtorchError
from slimtorch.inventory.needs import environment
from slimtorch.project.declared import PRODUCTION, read
from slimtorch.project.lock import LockedPlatform
from slimtorch.sources import distributions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from slimtorch.deps.changes.lock import Changes
    from slimtorch.host.machine import Machine
    from slimtorch.inventory.distributions import Distribution
    from slimtorch.project.lock import Lock, LockedWheel
    from slimtorch.project.model import Project
    from slimtorch.sources.indexes import Indexes
    from slimtorch.sources.request import Request, Tools

NOTHING = LockedPlatform(())


def changes(old: Lock, new: Lock) -> dict[str, Changes]:
    """What differs on each platform that has changed, without causes: nobody is asked."""
    found = {
        platform: compared.compare(old.platforms.get(platform, NOTHING), pinned, {}, {}, {})
        for platform, pinned in new.platforms.items()
    }
    return {platform: one for platform, one in found.items() if one.rows}


def explained(project: Project, old: Lock, new: Lock, indexes: Indexes, machine: Machine) -> dict[str, Changes]:
    """What differs on each platform that has changed, and why, as far as the wheels' metadata can be had."""
    ready = tools(indexes, machine)
    declared = read(project.root, project.requirements).of(PRODUCTION)
    found = {}
    for platform in changes(old, new):
        before, after = old.platforms.get(platform, NOTHING), new.platforms[platform]
        asked = request(project, platform, indexes, after.base)
        sides = [_known(side.wheels, asked, ready, machine) for side in (before, after)]
        found[platform] = compared.compare(
            before, after, sides[0], sides[1], environment(asked.target.python, asked.target.machine), declared
        )
    return found


def _known(wheels: Sequence[LockedWheel], asked: Request, ready: Tools, machine: Machine) -> Mapping[str, Distribution]:
    with suppress(SlimtorchError):
        return distributions.of(wheels, asked, ready, machine.cache, machine.progress)
    return {}
