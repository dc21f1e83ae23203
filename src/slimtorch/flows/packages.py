"""Where packages come from in one run: the machine's configuration, the project's, and this run's options."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slimtorch.sources import indexes

if TYPE_CHECKING:
    from slimtorch.host.machine import Machine
    from slimtorch.project.model import Os, Project
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
        overrides = indexes.Overrides(self.index_url, self.extra_index_url, self.find_links, machine.offline)
        return indexes.configured(
            machine.environ,
            machine.home,
            sources=project.sources,
            requirements=project.requirements,
            root=project.root,
            overrides=overrides,
        )

    def os(self, project: Project) -> Os:
        """The project's operating system, from this run's mirror."""
        return replace(project.os, mirror=self.apt_mirror) if self.apt_mirror else project.os


NOTHING_SPECIAL = PackageSources()
"""What is configured, as it is."""
