"""What dependencies cost, in bytes: their own, and those of all that would go with them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from slimtorch.deps.check.reach import Reach
from slimtorch.deps.check.usage import roots, spare
from slimtorch.deps.model import Cost, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slimtorch.deps.check.facts import Facts
    from slimtorch.deps.model import Dependency


def weigh(dependencies: Iterable[Dependency], laid: Facts) -> tuple[Dependency, ...]:
    """The same dependencies with their costs. What goes along is what no remaining requirement needs."""
    found = tuple(dependencies)
    spared = {one.name for one in spare(found)}
    # In a list that `pip freeze` wrote, everything is declared: what another spare one brings goes with that one.
    together = Reach(laid.graph, roots(spared, laid.wanted))
    tops = {name for name in spared if name in together.lost(name)}
    remaining = (laid.wanted.keys() - spared) | tops
    reach = Reach(laid.graph, roots(remaining, laid.wanted))
    return tuple(replace(one, cost=_cost(laid, one, reach)) for one in found)


def whole(laid: Facts) -> Cost:
    """All that production installs; own and closure are the same."""
    return _of(laid, laid.graph.closure(laid.wanted))


def saved(dependencies: Iterable[Dependency], laid: Facts) -> Cost:
    """What production would shrink by without all that it does without, together."""
    spared = {one.name for one in spare(dependencies)}
    stays = roots(laid.wanted.keys() - spared, laid.wanted)
    return _of(laid, laid.graph.closure(laid.wanted) - laid.graph.closure(stays))


def _cost(laid: Facts, one: Dependency, remaining: Reach) -> Cost:
    held = laid.known.get(one.name)
    if held is None or one.verdict is Verdict.MISSING:
        return Cost()
    alone = laid.graph.closure(roots([one.name], laid.wanted))
    gone = (alone - remaining.names) | remaining.lost(one.name) | {one.name}
    total = _of(laid, gone)
    return replace(total, packed=held.packed, unpacked=held.unpacked)


def _of(laid: Facts, names: Iterable[str]) -> Cost:
    held = [laid.known[name] for name in names]
    packed, unpacked = sum(one.packed for one in held), sum(one.unpacked for one in held)
    return Cost(packed, unpacked, packed, unpacked)
