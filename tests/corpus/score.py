"""Precision and recall: one way of counting, for this tool and for others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.corpus.cases import Case


@dataclass(frozen=True, slots=True)
class Report:
    """What a tool says of one project.

    `unneeded` are requirements of production that it would take out or move elsewhere. `imported` are names (of
    distributions or modules) that it calls missing, undeclared or transitive, each with the places that it gives.
    """

    unneeded: frozenset[str] = frozenset()
    imported: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Count:
    """What was found, what was said wrongly, what was not found: each as 'project: name'."""

    found: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()

    @property
    def precision(self) -> float:
        """The share of what was said that is true; 1 where nothing was said."""
        said = len(self.found) + len(self.wrong)
        return len(self.found) / said if said else 1.0

    @property
    def recall(self) -> float:
        """The share of what is true that was said; 1 where there is nothing."""
        there = len(self.found) + len(self.missed)
        return len(self.found) / there if there else 1.0

    def __add__(self, other: Count) -> Count:
        return Count(self.found + other.found, self.wrong + other.wrong, self.missed + other.missed)


def total(counts: Iterable[Count]) -> Count:
    """All of them together."""
    return sum(counts, Count())


def unneeded(case: Case, report: Report, known: frozenset[str], *, pins: bool = True) -> Count:
    """How a tool fares with requirements that production does without.

    It must find those whose every right verdict is in `known`, the verdicts that it has a word for. What is unneeded
    in another way is right when it says so, and not missed when it does not. Other groups than production do not count.
    Without `pins`, what another requirement brings anyway may be called unneeded: without its line it is still there.
    """
    brought = {name for name, verdicts in case.production.items() if "indirect" in verdicts}
    spared = case.open | (frozenset() if pins else brought)
    said = report.unneeded & case.production.keys()
    required = {name for name, verdicts in case.unneeded.items() if verdicts <= known}
    return Count(
        found=_named(case, said & case.unneeded.keys()),
        wrong=_named(case, said - case.unneeded.keys() - spared),
        missed=_named(case, required - said),
    )


def imported(case: Case, report: Report) -> Count:
    """How a tool fares with imports that are not declared: right by name or by place."""
    found: set[str] = set()
    wrong: set[str] = set()
    for name, places in report.imported.items():
        answers = {truth for truth, at in case.imported.items() if at in places or _same(name, truth)}
        found |= answers
        if not answers and not any(_same(name, one) for one in case.either):
            wrong.add(name)
    return Count(_named(case, found), _named(case, wrong), _named(case, case.imported.keys() - found))


def _same(name: str, truth: str) -> bool:
    """Whether one of the dotted names is the other or a part of it."""
    one, other = (text.lower().replace("_", "-") for text in (name, truth))
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _named(case: Case, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"{case.name}: {name}" for name in sorted(names))
