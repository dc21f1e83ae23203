"""The device of a project whose dependencies are looked at: what it declares, else what its code shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.build.torch_device import Undeclared
from slimtorch.deps.device import decide as device
from slimtorch.deps.device import texts as device_texts
from slimtorch.deps.device.decide import Decision
from slimtorch.inventory.code import tree
from slimtorch.inventory.needs import Graph, environment
from slimtorch.project.declared import PRODUCTION

if TYPE_CHECKING:
    from collections.abc import Collection

    from slimtorch.deps.model import Evidence
    from slimtorch.flows.deps.check import Gathered


def decision(gathered: Gathered, without: Collection[str] = ()) -> Decision:
    """The device, with the reasons where it was decided; that the distributions `without` are there is no reason."""
    seen, project = gathered.evidence, gathered.opened.project
    packages = [one for name, one in seen.distributions.items() if name not in without]
    needers = [name for name in _needers(seen) if name not in without]
    declared = [one for one in seen.declarations.of(PRODUCTION) if one.name not in without]
    if project and project.torch.device:
        return Decision(project.torch.device)
    if project:
        undeclared = Undeclared(project, declared)
        undeclared.decide(packages, needers)
        if undeclared.decision:
            return undeclared.decision
    settings = {path.name for path in gathered.root.iterdir() if path.is_file()}
    paths = {*tree.walk(gathered.root).sources, *settings}
    texts = tuple(device_texts.of_files(gathered.root, paths, seen.code))
    return device.decide(seen.code, declared, packages, texts=texts, needers=needers)


def _needers(seen: Evidence) -> tuple[str, ...]:
    """The distributions that need torch themselves."""
    graph = Graph(seen.distributions, environment(seen.python))
    edges = graph.needers("torch", dict.fromkeys(seen.distributions, ()))
    return tuple(sorted({edge.needer for edge in edges}))
