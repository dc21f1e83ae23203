"""A project's code, requirements and distributions → what each dependency is for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.deps.check import cost, facts, usage
from slimtorch.deps.check import findings as checking
from slimtorch.flows.deps import below
from slimtorch.flows.deps.evidence import Opened, evidence, opened
from slimtorch.flows.deps.packages import brought
from slimtorch.flows.packages import NOTHING_SPECIAL, PackageSources

if TYPE_CHECKING:
    from slimtorch.deps.model import Cost, Dependency, Evidence
    from slimtorch.findings import Finding
    from slimtorch.host.machine import Machine


@dataclass(frozen=True, slots=True)
class Request:
    """What to look at: a project's folder, its slimtorch.toml or a requirements file.

    No configuration of slimtorch is needed.

    `files` are requirements files that are production's whatever they are called.
    """

    project: Path = Path()
    sources: PackageSources = NOTHING_SPECIAL
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is known of a project, and the `notes` that are to be said.

    `origin` is where the distributions come from: a lock's name, ``resolved now``, or ``names`` where nothing could be
    resolved.
    """

    opened: Opened
    evidence: Evidence
    origin: str
    notes: tuple[str, ...]

    @property
    def root(self) -> Path:
        """The project's folder."""
        return self.opened.root


@dataclass(frozen=True, slots=True)
class Checked:
    """Every dependency with its verdict and cost, and what is wrong.

    `whole` is what production installs, `saved` what of it production does without.
    """

    gathered: Gathered
    dependencies: tuple[Dependency, ...]
    findings: tuple[Finding, ...]
    whole: Cost
    saved: Cost


def gather(request: Request, machine: Machine) -> Gathered:
    """Everything that a judgement of the project's dependencies rests on. Nothing is written, built or run.

    Raises:
        ConfigError: the project's configuration or requirements cannot be read.
    """
    found = opened(request.project, request.files)
    with machine.progress.task("Reading requirements", 0):
        packages = brought(found, request.sources, machine)
    seen = evidence(found, packages.distributions)
    said = (*packages.notes, *found.declarations.problems, *below.notes(found.root, found.declarations, seen.code))
    return Gathered(found, seen, packages.origin, said)


def check(request: Request, machine: Machine) -> Checked:
    """What each dependency of the project is for.

    Raises:
        ConfigError: the project's configuration or requirements cannot be read.
    """
    gathered = gather(request, machine)
    for note in gathered.notes:
        machine.progress.note(note)
    return judged(gathered)


def judged(gathered: Gathered) -> Checked:
    """The verdicts on what was gathered."""
    seen = gathered.evidence
    laid = facts.lay(seen)
    dependencies = cost.weigh(usage.judge(laid), laid)
    return Checked(
        gathered=gathered,
        dependencies=dependencies,
        findings=(*checking.findings(dependencies, seen.code), *checking.twice(seen)),
        whole=cost.whole(laid),
        saved=cost.saved(dependencies, laid),
    )
