"""What could be swapped for something smaller, with what each swap saves; applied only where that is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.build import brought
from slimtorch.deps.split.diff import unified
from slimtorch.deps.swap import proposals as swap
from slimtorch.deps.swap import text as swap_text
from slimtorch.errors import ConfigError, MachineError, SlimtorchError, UsageError
from slimtorch.flows.deps import check as deps
from slimtorch.flows.deps.device import decision
from slimtorch.flows.deps.packages import asked
from slimtorch.flows.packages import NOTHING_SPECIAL, PackageSources
from slimtorch.host.rewrite import rewrite
from slimtorch.project.declared import PRODUCTION
from slimtorch.project.model import Requirements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slimtorch.deps.swap.proposals import Proposal
    from slimtorch.flows.deps.check import Gathered
    from slimtorch.host.machine import Machine
    from slimtorch.project.declared import Declared
    from slimtorch.sources.request import Request as SourceRequest


@dataclass(frozen=True, slots=True)
class Request:
    """What to look at; `apply` are the names of the proposals to take."""

    project: Path = Path()
    sources: PackageSources = NOTHING_SPECIAL
    apply: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Saving:
    """Bytes that a swap saves: of wheels, and unpacked. Negative where it costs."""

    packed: int
    unpacked: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A proposal and what it saves; None where that could not be measured, and `unknown` then says why."""

    proposal: Proposal
    saving: Saving | None
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A file that taking the proposals changes."""

    path: Path
    before: str
    after: str

    @property
    def diff(self) -> str:
        """The change as a unified diff."""
        return unified(self.before, self.after, (f"a/{self.path.name}", f"b/{self.path.name}"))


@dataclass(frozen=True, slots=True)
class Offered:
    """Every offer, the largest saving first, and what those that were asked for change."""

    offers: tuple[Offer, ...]
    changes: tuple[Change, ...]


def offer(request: Request, machine: Machine) -> Offered:
    """The swaps that the project's code allows, measured by resolving what they lead to. Nothing is written.

    Raises:
        ConfigError: the project's configuration or requirements cannot be read.
        UsageError: a name to apply that is not proposed, or a swap that only a person can make.
    """
    gathered = deps.gather(deps.Request(request.project, request.sources), machine)
    judged = deps.judged(gathered)
    found = swap.proposals(gathered.evidence, judged.dependencies, decision(gathered, swap.builds()))
    changes = _changes(gathered, _wanted(found, request.apply))
    scales = _Scales(gathered, asked(gathered.opened, request.sources, machine), machine)
    measured = [scales.offer(one) for one in found]
    return Offered(tuple(sorted(measured, key=_largest_first)), changes)


def write(changes: Iterable[Change]) -> tuple[Path, ...]:
    """Writes the changed files, all or none; returns their paths."""
    found = tuple(changes)
    rewrite({one.path: one.after.encode() for one in found})
    return tuple(one.path for one in found)


def _largest_first(one: Offer) -> tuple[int, str]:
    return (-(one.saving.unpacked if one.saving else 0), one.proposal.remove)


def _wanted(found: Iterable[Proposal], names: tuple[str, ...]) -> list[Proposal]:
    known = {one.remove: one for one in found}
    if swap.CUDA_TORCH in known:
        names = tuple(swap.CUDA_TORCH if name == "torch" else name for name in names)
    for name in names:
        if name not in known:
            raise UsageError(f"no swap of {name} is proposed", hint=f"proposed: {', '.join(known) or 'nothing'}")
        if known[name].action in {swap.Action.BY_HAND, swap.Action.CPU}:
            raise UsageError(
                f"{name} cannot be swapped by changing one requirement",
                hint=swap.TO_CPU if known[name].action is swap.Action.CPU else known[name].why,
            )
    return [known[name] for name in dict.fromkeys(names)]


def _changes(gathered: Gathered, wanted: Iterable[Proposal]) -> tuple[Change, ...]:
    before: dict[Path, str] = {}
    after: dict[Path, str] = {}
    # From the last line to the first, so that a line that goes does not move the others.
    places = [(place, one) for one in wanted for place in one.locations]
    for place, one in sorted(places, key=lambda item: -item[0].line):
        path = gathered.root / place.path
        before.setdefault(path, _text(path))
        after[path] = swap_text.taken(after.get(path, before[path]), place, one)
    return tuple(Change(path, before[path], text) for path, text in sorted(after.items()))


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except UnicodeDecodeError:
        raise ConfigError(str(path), ["is not UTF-8"], hint="write it as UTF-8, or swap by hand") from None
    except OSError as error:
        raise MachineError(f"{path} cannot be read: {error.strerror}") from None


@dataclass(frozen=True)
class _Scales:
    """Weighs what requirements resolve to; what they bring today is weighed once."""

    gathered: Gathered
    question: SourceRequest
    machine: Machine

    @cached_property
    def now(self) -> Saving | None:
        """What production brings today; None where its requirements do not resolve."""
        return self._weigh([item.text for item in self._production], self.question.device)

    def offer(self, one: Proposal) -> Offer:
        """The proposal with what the swap saves, or with the reason why that is not known."""
        if one.action is swap.Action.BY_HAND:
            return Offer(one, None, "it depends on how it is done by hand")
        if (now := self.now) is None:
            return Offer(one, None, "the requirements do not resolve now")
        then = self._then(one)
        if then is None:
            return Offer(one, None, "the requirements do not resolve with it")
        return Offer(one, Saving(now.packed - then.packed, now.unpacked - then.unpacked))

    def _then(self, one: Proposal) -> Saving | None:
        lines: list[str] = []
        for item in self._production:
            lines += _instead(item, one) if item.name == one.remove else [item.text]
        return self._weigh(lines, "cpu" if one.action is swap.Action.CPU else self.question.device)

    @property
    def _production(self) -> tuple[Declared, ...]:
        """Those that an index holds: what comes from an address is the same on either side."""
        return tuple(one for one in self.gathered.evidence.declarations.of(PRODUCTION) if "://" not in one.text)

    def _weigh(self, lines: list[str], device: str) -> Saving | None:
        plain = Requirements(inline=tuple(dict.fromkeys(lines)), origin="the requirements")
        try:
            found = brought.exactly(replace(self.question, requirements=plain, device=device), self.machine).values()
        except SlimtorchError:
            return None
        return Saving(sum(one.packed for one in found), sum(one.unpacked for one in found))


def _instead(item: Declared, one: Proposal) -> list[str]:
    """The requirements for the twins: a single one has the same versions."""
    if len(one.add) == 1:
        return [re.sub(r"^[A-Za-z0-9._-]+", one.add[0], item.text)]
    return list(one.add)
