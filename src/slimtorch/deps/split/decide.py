"""Where each requirement belongs. When in doubt it stays: a line too many costs megabytes, a line too few a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from slimtorch.deps.model import Verdict
from slimtorch.deps.split.model import UNKNOWN, Decision, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from slimtorch.deps.model import Dependency

ASIDE = {Verdict.DEVELOPMENT: Place.DEV, Verdict.TESTS: Place.TEST, Verdict.UNUSED: Place.DEV}
"""What production does without, unless something of production needs it."""
_UNUSED = "nothing imports"


def decide(
    names: Iterable[str], verdicts: Mapping[str, Dependency], wanted: Mapping[str, Place]
) -> dict[str, Decision]:
    """Where the requirements called `names` (canonical) go; `wanted` holds what the user decided.

    Whatever one of production needs stays too, since a file with hashes has to list it, and so does what brings
    something that the service imports without declaring it.
    """
    graph = _Graph(tuple(dict.fromkeys(names)), verdicts, wanted)
    reasons = graph.production()
    return {name: graph.decision(name, reasons) for name in graph.names}


class _Graph:
    """Who needs whom, among the requirements of the files and what is known besides."""

    def __init__(self, names: tuple[str, ...], verdicts: Mapping[str, Dependency], wanted: Mapping[str, Place]) -> None:
        self.names = names
        self.verdicts = verdicts
        self.wanted = wanted
        self.needers = {name: _needers(verdicts.get(name)) for name in {*names, *verdicts}}

    def production(self) -> dict[str, str]:
        """The names that production has, each with the one that brought it in: '' for its own sake."""
        found = self._close({name: "" for name in self.needers if self._stays(name)})
        # A circle of indirect ones that nothing of development leads to: nobody knows who wanted it.
        lost = [name for name in self.names if self._verdict(name) is Verdict.INDIRECT and self._unclaimed(name, found)]
        found = self._close(found | dict.fromkeys(lost, ""))
        for name, dependency in self.verdicts.items():
            if dependency.verdict is Verdict.UNDECLARED and (bringer := self._bringer(name, found)):
                found = self._close({**found, bringer: name})
        return found

    def decision(self, name: str, reasons: Mapping[str, str]) -> Decision:
        """What becomes of one requirement."""
        dependency = self.verdicts.get(name)
        cost = dependency.cost.closure_unpacked if dependency else 0
        if name in self.wanted:
            return Decision(self.wanted[name], f"--{self.wanted[name]} {name}", cost)
        if dependency is None:
            return UNKNOWN
        if name in reasons:
            return Decision(Place.PROD, self._why_kept(dependency, reasons[name]), cost)
        if dependency.verdict is Verdict.INDIRECT:
            return Decision(self._aside(name), f"only {_listed(self.needers[name])} needs it", cost)
        return Decision(ASIDE[dependency.verdict], _evidence(dependency), cost)

    def _why_kept(self, dependency: Dependency, reason: str) -> str:
        if dependency.verdict not in ASIDE or not reason:
            return dependency.evidence
        if self._verdict(reason) is Verdict.UNDECLARED:
            return f"brings {reason}, which the service imports and nothing declares"
        return f"{reason} needs it"

    def _verdict(self, name: str) -> Verdict | None:
        return self.verdicts[name].verdict if name in self.verdicts else None

    def _stays(self, name: str) -> bool:
        """Whether it belongs to production for its own sake."""
        if name in self.wanted:
            return self.wanted[name] is Place.PROD
        verdict = self._verdict(name)
        if verdict is Verdict.UNDECLARED:
            return False  # it is there only while something brings it
        if verdict is Verdict.INDIRECT:
            return not self.needers[name] or not all(self._known(needer) for needer in self.needers[name])
        return verdict not in ASIDE

    def _known(self, name: str) -> bool:
        return name in self.needers

    def _close(self, roots: dict[str, str]) -> dict[str, str]:
        """The roots and all that they need, but what the user put aside."""
        found = dict(roots)
        waiting = list(roots)
        needs = self._needs()
        while waiting:
            needer = waiting.pop(0)
            for name in needs.get(needer, ()):
                if name not in found and self.wanted.get(name, Place.PROD) is Place.PROD:
                    found[name] = needer
                    waiting.append(name)
        return found

    def _needs(self) -> dict[str, list[str]]:
        needs: dict[str, list[str]] = {}
        for name, needers in self.needers.items():
            for needer in needers:
                needs.setdefault(needer, []).append(name)
        return needs

    def _unclaimed(self, name: str, found: Mapping[str, str]) -> bool:
        if name in found or name in self.wanted:
            return False
        return not any(self._put_aside(above) for above in self._above(name))

    def _put_aside(self, name: str) -> bool:
        if name in self.wanted:
            return self.wanted[name] is not Place.PROD
        return self._verdict(name) in ASIDE

    def _above(self, name: str) -> Iterator[str]:
        """Everything that needs `name`, directly or not, the nearest first."""
        seen, waiting = {name}, [name]
        while waiting:
            for needer in self.needers.get(waiting.pop(0), ()):
                if needer not in seen:
                    seen.add(needer)
                    waiting.append(needer)
                    yield needer

    def _bringer(self, name: str, found: Mapping[str, str]) -> str:
        """The requirement with the fewest bytes that brings `name` where production has none; else ''."""
        if name in found or name in self.names:
            return ""
        above = [needer for needer in self._above(name) if needer in self.names and needer not in self.wanted]
        return min(above, key=lambda needer: (self.verdicts[needer].cost.closure_unpacked, needer), default="")

    def _aside(self, name: str) -> Place:
        """With tests only where everything that needs it is there for tests."""
        places = {ASIDE.get(self.verdicts[needer].verdict) for needer in self._above(name) if needer in self.verdicts}
        return Place.TEST if places - {None} == {Place.TEST} else Place.DEV


def _needers(dependency: Dependency | None) -> tuple[str, ...]:
    """Who needs it, by the wheels and by the ``# via`` comments of the tool that wrote the file."""
    if dependency is None:
        return ()
    via = (name for declared in dependency.declared for name in declared.via)
    names = (str(canonicalize_name(name)) for name in (*dependency.needed_by, *via))
    return tuple(dict.fromkeys(name for name in names if name != dependency.name))


def _evidence(dependency: Dependency) -> str:
    said = dependency.evidence
    if dependency.verdict is Verdict.UNUSED and _UNUSED not in said:
        return f"{_UNUSED} it; {said}" if said else f"{_UNUSED} it"
    return said


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
