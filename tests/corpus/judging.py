"""What slimtorch says of a project of the corpus: offline, from the recorded facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.markers import Marker

from slimtorch.deps.check import facts, usage
from slimtorch.deps.model import Verdict
from slimtorch.flows.deps import evidence as deps_evidence
from slimtorch.inventory.needs import Graph, environment
from slimtorch.project.declared import PRODUCTION
from tests.corpus import cases
from tests.corpus.score import Report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slimtorch.deps.model import Dependency
    from slimtorch.inventory.code.model import Code
    from slimtorch.inventory.distributions import Distribution
    from slimtorch.project.declared.model import Declared
    from tests.corpus.cases import Case

_ABSENT = (Verdict.UNDECLARED, Verdict.MISSING)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was judged, and the code that was read for it."""

    dependencies: tuple[Dependency, ...]
    code: Code

    @property
    def production(self) -> dict[str, Dependency]:
        """What production declares, by name."""
        return {one.name: one for one in self.dependencies if any(item.group == PRODUCTION for item in one.declared)}

    @property
    def report(self) -> Report:
        """The same as other tools say it."""
        return Report(
            unneeded=frozenset(name for name, one in self.production.items() if one.verdict in cases.UNNEEDED),
            imported={one.name: _places(one) for one in self.dependencies if one.verdict in _ABSENT},
        )


def answer(case: Case) -> Answer:
    """The verdicts on one project."""
    found = deps_evidence.opened(case.root)
    evidence = deps_evidence.evidence(found, _brought(found.declarations.items, found.python))
    return Answer(usage.judge(facts.lay(evidence)), evidence.code)


def _brought(declared: Iterable[Declared], python: str) -> dict[str, Distribution]:
    """What a resolution of these requirements brings."""
    markers = environment(python)
    roots: dict[str, set[str]] = {}
    for item in declared:
        if not item.marker or Marker(item.marker).evaluate({**markers, "extra": ""}):
            roots.setdefault(item.name, set()).update(item.extras)
    return {name: cases.facts()[name] for name in Graph(cases.facts(), markers).closure(roots)}


def _places(one: Dependency) -> frozenset[str]:
    return frozenset(f"{use.location.path}:{use.location.line}" for use in one.uses)
