"""What each dependency is for. A dependency is kept where anything speaks for it: a wrong "unused" breaks a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.deps.check import absent, facts, reasons, words
from slimtorch.deps.check.facts import NO_EXTRAS
from slimtorch.deps.check.reach import Reach
from slimtorch.deps.model import Dependency, Verdict
from slimtorch.inventory.code.model import Role
from slimtorch.tables import dependencies as tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from slimtorch.deps.check.facts import Facts, Uses
    from slimtorch.deps.check.reasons import Kept
    from slimtorch.inventory.code.model import Import

_Judged = dict[str, tuple[Verdict, str]]
_TEST = "a test tool"
_SPARE = frozenset({Verdict.DEVELOPMENT, Verdict.TESTS})


def judge(laid: Facts) -> tuple[Dependency, ...]:
    """A verdict on every requirement, and on every import that none of them brings, by name. Costs are not in it."""
    judged = _kept(laid)
    judged |= _needed(laid, judged)
    judged |= _spare(laid, judged)
    lacking = tuple(absent.find(laid))
    for one in lacking:
        judged.pop(one.name, None)
    reach = Reach(laid.graph, laid.wanted)
    found = [_dependency(laid, reach, name, *verdict) for name, verdict in judged.items()]
    return tuple(sorted([*found, *lacking], key=lambda one: one.name))


def roots(names: Iterable[str], wanted: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """The names as roots of the graph of needs, with the extras that are declared for them."""
    return {name: wanted.get(name, NO_EXTRAS) for name in names}


def _kept(laid: Facts) -> _Judged:
    """What is used, and what has to stay for a reason that grows with what stays."""
    candidates = {*laid.wanted, *laid.elsewhere, *laid.chosen}
    judged: _Judged = {
        name: (Verdict.USED, words.used(laid.of(name).service)) for name in candidates if laid.of(name).service
    }
    while True:
        kept = _stand(laid, judged)
        new: _Judged = {}
        for name in sorted(candidates - judged.keys() - kept.live):
            if why := reasons.reason(name, laid, kept):
                new[name] = (Verdict.OPTIONAL, why)
        if not new:
            new = _bringers(laid, kept, candidates - judged.keys())
        if not new:
            return judged
        judged |= new


def _stand(laid: Facts, judged: _Judged) -> Kept:
    names = frozenset(judged.keys() & laid.wanted.keys())
    return reasons.kept(laid, names, laid.graph.closure(roots(names, laid.wanted)))


def _bringers(laid: Facts, kept: Kept, rest: set[str]) -> _Judged:
    """A requirement that nothing imports may be the only one that brings what is imported and not declared."""
    for name, uses in sorted(laid.uses.items()):
        if name in laid.wanted or name in kept.live or not uses.service:
            continue
        if found := reasons.bringer(rest & laid.wanted.keys(), name, laid):
            return {found: (Verdict.OPTIONAL, f"it brings {name}, and {words.used(uses.service, name)}")}
    return {}


def _needed(laid: Facts, judged: _Judged) -> _Judged:
    """What is there anyway, because something that stays needs it."""
    kept = _stand(laid, judged)
    stays = Reach(laid.graph, roots(kept.roots, laid.wanted))
    used = (name for name in kept.roots if judged[name][0] is Verdict.USED)
    sure = Reach(laid.graph, roots(used, laid.wanted))
    found: _Judged = {}
    # What only an optional one needs has a reason of its own, and that one may go: the reason is worth more.
    optional = {name for name, (verdict, _) in judged.items() if verdict is Verdict.OPTIONAL}
    for name in sorted(laid.wanted.keys() & ((stays.names - judged.keys()) | (sure.names & optional))):
        if not tables.tool(name) and (why := reasons.back_end(name, laid, kept)):
            found[name] = (Verdict.OPTIONAL, why)
        else:
            found[name] = (Verdict.INDIRECT, words.needed((sure if name in sure.names else stays).needers(name)))
    return found | _by_comment(laid, {*judged, *found})


def _by_comment(laid: Facts, stays: set[str]) -> _Judged:
    """What the tool that wrote the list says that it is there for (``# via``), where that stays."""
    found: _Judged = {}
    while True:
        rest = sorted(laid.wanted.keys() - stays)
        new = {name: via for name in rest if (via := next((v for v in _via(laid, name) if v in stays), ""))}
        if not new:
            return found
        found |= {name: (Verdict.INDIRECT, f"{via} needs it, as the list says itself") for name, via in new.items()}
        stays |= new.keys()


def _via(laid: Facts, name: str) -> tuple[str, ...]:
    return tuple(via for one in laid.in_production(name) for via in one.via)


def _spare(laid: Facts, judged: _Judged) -> _Judged:
    """What production does without, and what cannot be told."""
    found: _Judged = {}
    for name in laid.declared.keys() - judged.keys():
        if verdict := _for_development(laid, name):
            found[name] = verdict
    found |= _along(laid, judged, found)
    reach = Reach(laid.graph, laid.wanted)
    for name in sorted(laid.wanted.keys() - judged.keys() - found.keys()):
        found[name] = _unused(laid, name, reach)
    return found


def _for_development(laid: Facts, name: str) -> tuple[Verdict, str] | None:
    uses = laid.of(name)
    kind = tables.tool(name) or reasons.plugin_of_tool(name, laid)
    by_tests = reasons.user(name, laid, Role.TESTS)
    if kind and not (kind == _TEST and uses.tests):
        return (Verdict.TESTS if _runs_in_tests(laid, name, kind) else Verdict.DEVELOPMENT), words.tool(kind, uses)
    if uses.tests and not uses.development:
        return Verdict.TESTS, f"only tests import it: {words.used(uses.tests)}"
    if uses.development or uses.tests:
        return Verdict.DEVELOPMENT, f"no file of the service imports it: {words.used(uses.development or uses.tests)}"
    if uses.typing:
        return Verdict.DEVELOPMENT, f"{words.used(uses.typing)} for type checkers only, and never at run time"
    if by_tests:
        return Verdict.TESTS, f"only tests need it, for {by_tests[0]} ({facts.place(by_tests[1])})"
    return _of_group(laid, name)


def _runs_in_tests(laid: Facts, name: str, kind: str) -> bool:
    """Plugins of the test runner, and what stands in a group for tests."""
    grouped = not laid.in_production(name) and any(group.startswith("test") for group in laid.groups(name))
    return kind == _TEST and (grouped or name.startswith("pytest-") or reasons.plugin_of_tool(name, laid) == _TEST)


def _of_group(laid: Facts, name: str) -> tuple[Verdict, str] | None:
    """What stands in groups of development only is for these."""
    groups = laid.groups(name)
    if not groups or laid.in_production(name):
        return None
    tests = any(group.removeprefix(facts.EXTRA).startswith("test") for group in groups)
    return (Verdict.TESTS if tests else Verdict.DEVELOPMENT), f"declared for {' and '.join(map(repr, groups))} only"


def _along(laid: Facts, judged: _Judged, spare: _Judged) -> _Judged:
    """What is in the list only because a tool brought it, as in what ``pip freeze`` writes."""
    found: _Judged = {}
    for verdict in (Verdict.TESTS, Verdict.DEVELOPMENT):
        hosts = {name for name, (one, _) in spare.items() if one is verdict and name in laid.wanted}
        closure = laid.graph.closure(roots(hosts, laid.wanted))
        tops = Reach(laid.graph, roots(_tops(laid, hosts), laid.wanted))
        for name in sorted(laid.wanted.keys() - judged.keys() - spare.keys() - found.keys()):
            host = next((via for via in _via(laid, name) if via in hosts or via in found), "")
            if name in closure or host:
                why = words.chain(tops.why(name)) or host
                found[name] = (verdict, f"only {why} needs it")
    return found


def _tops(laid: Facts, names: set[str]) -> set[str]:
    """Those that none of the others brings."""
    reach = Reach(laid.graph, roots(names, laid.wanted))
    return {one for one in names if one in reach.lost(one)} or names


def _unused(laid: Facts, name: str, reach: Reach) -> tuple[Verdict, str]:
    held = laid.known[name]
    if held.assumed and any(module.partition(".")[0] in laid.code.own for module in held.modules):
        return Verdict.USED, "it is a part of this project"
    if held.assumed:
        return Verdict.OPTIONAL, "nothing seems to import it, but its wheel could not be read"
    if hosts := reach.needers(name):
        return Verdict.UNUSED, f"nothing imports it; it came with {hosts[0]}, which nothing needs either"
    return Verdict.UNUSED, f"nothing imports {words.modules(held)}"


def _dependency(laid: Facts, reach: Reach, name: str, verdict: Verdict, evidence: str) -> Dependency:
    return Dependency(
        name=name,
        verdict=verdict,
        evidence=evidence,
        declared=laid.declared.get(name, ()),
        uses=_deciding(laid.of(name), verdict),
        needed_by=reach.needers(name),
    )


def _deciding(uses: Uses, verdict: Verdict) -> tuple[Import, ...]:
    """The imports that decided: the service's, else those of whoever has some."""
    if verdict is Verdict.TESTS:
        return tuple(uses.tests)
    return tuple(uses.service or uses.development or uses.typing or uses.tests)


def spare(dependencies: Iterable[Dependency]) -> Iterator[Dependency]:
    """What production declares and does without."""
    for one in dependencies:
        if one.verdict in _SPARE | {Verdict.UNUSED} and any(not item.group for item in one.declared):
            yield one
