"""Requirements → production's and development's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slimtorch.deps.split import proposal, sources
from slimtorch.deps.split.proposal import Wanted
from slimtorch.errors import UsageError
from slimtorch.flows.deps import check as deps
from slimtorch.flows.packages import NOTHING_SPECIAL, PackageSources
from slimtorch.host.rewrite import rewrite

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.deps.split.proposal import Proposal
    from slimtorch.host.machine import Machine


@dataclass(frozen=True, slots=True)
class Request:
    """What to split: requirements files, ``pyproject.toml`` or folders. `project` is the code that decides."""

    paths: tuple[Path, ...]
    project: Path | None = None
    wanted: Wanted = field(default_factory=Wanted)
    sources: PackageSources = NOTHING_SPECIAL


@dataclass(frozen=True, slots=True)
class Proposed:
    """What would be written, and the unpacked bytes that production would shrink by: 0 where the user decided."""

    proposal: Proposal
    saved: int


def propose(request: Request, machine: Machine) -> Proposed:
    """What a split would write; nothing is written.

    Raises:
        ConfigError: a file cannot be read or understood.
        UsageError: something that cannot be split, or a decision about a requirement that is not there.
    """
    paths = sources.choose(request.paths)
    given = proposal.read(paths, request.wanted)
    root = request.project or sources.root_of(paths[0])
    texts = tuple(file.path for file in given.tree.given)
    checked = deps.check(deps.Request(root, request.sources, texts), machine)
    found = proposal.propose(given, {one.name: one for one in checked.dependencies}, request.wanted)
    return Proposed(found, 0 if request.wanted.places else checked.saved.unpacked)


def write(proposed: Proposal, *, force: bool = False) -> tuple[Path, ...]:
    """Writes all files or none; returns their paths.

    Raises:
        UsageError: a file of somebody else is in the way, or one changed since it was read.
        MachineError: a folder cannot be written to, or the disk is full.
    """
    for change in proposed.changes:
        if change.foreign and not force:
            hint = "give --force to replace it, or other names with --prod-file and --dev-file"
            raise UsageError(f"{change.path} is there, and no split wrote it", hint=hint)
        if proposal.present(change.path) != change.before:
            raise UsageError(f"{change.path} changed meanwhile", hint="run it again")
    modes = {change.path: change.mode for change in proposed.changes}
    rewrite({change.path: change.after for change in proposed.changes}, modes)
    return tuple(change.path for change in proposed.changes)
