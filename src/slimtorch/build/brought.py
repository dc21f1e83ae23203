"""What the distributions of a project bring, as well as that can be told: locked, resolved now, or by their names only.

Nothing is written, nothing is built, and no wheel is read whole for this.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

from slimtorch.build.fetching import tools
from slimtorch.errors import FetchError, SlimtorchError
from slimtorch.project.model import Requirements
from slimtorch.sources import distributions, downloads
from slimtorch.sources.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from slimtorch.host.machine import Machine
    from slimtorch.inventory.distributions import Distribution
    from slimtorch.project.declared import Declared
    from slimtorch.project.lock import LockedWheel
    from slimtorch.sources.request import Request
    from slimtorch.sources.torch_build import Decide

TRIES = 12
"""Packages that exist only as source and are left out one after the other."""
SHOWN = 200
"""Characters of a reason."""
_SOURCE = re.compile(r"(\S+) exists only as source")


@dataclass(frozen=True, slots=True)
class Brought:
    """What was found, by canonical name. `origin` is the name of a lock, ``resolved now`` or ``names``."""

    distributions: Mapping[str, Distribution] = field(default_factory=dict)
    origin: str = "names"
    notes: tuple[str, ...] = ()


def locked(wheels: Sequence[LockedWheel], origin: str, asked: Request, machine: Machine) -> Brought:
    """What the wheels of a lock bring."""
    ready = tools(asked.indexes, machine)
    return Brought(distributions.of(wheels, asked, ready, machine.cache, machine.progress), origin)


def resolved(asked: Request, items: Sequence[Declared], machine: Machine, decide: Decide | None = None) -> Brought:
    """What production's requirements resolve to now. Where they do not, they are tried line by line, then unpinned.

    `items` are the same requirements as they are declared.
    """
    origin = asked.requirements.lock.name if asked.requirements.lock else "resolved now"
    try:
        return _read(asked, machine, origin, decide)
    except SlimtorchError as error:
        if isinstance(error, FetchError):
            return Brought(notes=(_names_only(error),))
        return _loosely(asked, items, machine, error)


def softly(asked: Request, items: Sequence[Declared], machine: Machine) -> Mapping[str, Distribution]:
    """What the requirements of development resolve to; nothing where they do not."""
    lines = list(_lines(items))
    if not lines:
        return {}
    try:
        return _loosely(asked, items, machine, None).distributions
    except SlimtorchError:
        return {}


def exactly(asked: Request, machine: Machine) -> Mapping[str, Distribution]:
    """What the requirements resolve to now, as they stand.

    Raises:
        ResolveError: nothing satisfies them.
        FetchError: an index cannot be reached.
    """
    return _read(asked, machine, "resolved now").distributions


def _read(asked: Request, machine: Machine, origin: str, decide: Decide | None = None) -> Brought:
    ready = tools(asked.indexes, machine)
    found = resolve(asked, ready, None if asked.device else decide, remarks=False)
    downloads.remember(found, machine.cache)
    # What a lock would have to say of its sources is not said here.
    return locked(found.wheels, origin, asked, machine)


def _loosely(asked: Request, items: Sequence[Declared], machine: Machine, first: SlimtorchError | None) -> Brought:
    """The lines one by one: without what is no wheel of an index, then without the pins."""
    left_out: list[str] = []
    reason = first
    for lines in (list(_lines(items)), list(_unpinned(items))):
        for _ in range(TRIES):
            wanted = [line for line in lines if Requirement(line).name.lower() not in left_out]
            try:
                loose = replace(asked, requirements=Requirements(inline=tuple(wanted), origin="the requirements"))
                return replace(_read(loose, machine, "resolved now"), notes=tuple(_said(first, left_out)))
            except FetchError as error:
                return Brought(notes=(_names_only(error),))
            except SlimtorchError as error:
                reason = error
                match = _SOURCE.match(error.message)
                if not match or match[1].lower() in left_out:
                    break
                left_out.append(match[1].lower())
    return Brought(notes=(_names_only(reason),) if reason else ())


def _lines(items: Iterable[Declared]) -> Iterator[str]:
    """Requirements that an index may hold."""
    for text in dict.fromkeys(item.text for item in items):
        try:
            if not Requirement(text).url:
                yield text
        except InvalidRequirement:
            continue


def _unpinned(items: Iterable[Declared]) -> Iterator[str]:
    for line in _lines(items):
        requirement = Requirement(line)
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        yield f"{requirement.name}{extras}" + (f"; {requirement.marker}" if requirement.marker else "")


def _said(first: SlimtorchError | None, left_out: Sequence[str]) -> Iterator[str]:
    if left_out:
        yield f"judged by their names only, since they exist only as source: {', '.join(left_out)}"
    elif first:
        yield f"the requirements do not resolve as they stand, and were tried without their pins: {_short(first)}"


def _names_only(error: SlimtorchError) -> str:
    return f"what the requirements bring is taken from a table of well-known names: {_short(error)}"


def _short(error: SlimtorchError) -> str:
    text = " ".join(error.message.split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN].rstrip()} …"
