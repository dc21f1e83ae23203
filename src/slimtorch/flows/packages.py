"""Where packages come from in one run: the machine's configuration, the project's, and this run's options."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.errors import UsageError
from slimtorch.sources import indexes

if TYPE_CHECKING:
    from slimtorch.host.machine import Machine
    from slimtorch.project.model import Os, Project, Requirements, Sources
    from slimtorch.sources.indexes import Indexes


@dataclass(frozen=True, slots=True)
class PackageSources:
    """What this run asks for on top of what is configured."""

    index_url: str = ""
    extra_index_url: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    apt_mirror: str = ""

    def indexes(self, project: Project, machine: Machine) -> Indexes:
        """Every index that is configured for this project, machine and run."""
        return self.of(project.root, project.requirements, project.sources, machine)

    def of(self, root: Path, requirements: Requirements, sources: Sources, machine: Machine) -> Indexes:
        """As `indexes`, for requirements that no configuration of slimtorch names."""
        self._check()
        overrides = indexes.Overrides(self.index_url, self.extra_index_url, self.find_links, machine.offline)
        return indexes.configured(
            machine.environ, machine.home, sources=sources, requirements=requirements, root=root, overrides=overrides
        )

    def _check(self) -> None:
        """Refuses what is neither an address nor a folder: a resolver would look there, and find nothing."""
        for option, places in (("--index-url", (self.index_url,)), ("--extra-index-url", self.extra_index_url)):
            for place in filter(None, places):
                if not re.match(r"(?:https?|file)://", place):
                    raise UsageError(f"{option} {place!r} is not an address", hint="write https://… or file:///…")
        for place in self.find_links:
            if not re.match(r"(?:https?|file)://", place) and not Path(place).exists():
                raise UsageError(
                    f"--find-links {place!r} is neither an address nor there", hint="name a folder of wheels"
                )

    def os(self, project: Project) -> Os:
        """The project's operating system, from this run's mirror."""
        return replace(project.os, mirror=self.apt_mirror) if self.apt_mirror else project.os


NOTHING_SPECIAL = PackageSources()
"""What is configured, as it is."""
