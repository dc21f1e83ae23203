"""Whole packages and libraries that a service which only predicts never reaches (profile ``inference``).

The table says which, with the reason and what speaks against it; requirements, imports and names say whether it holds
here. What is kept for one rule may need what another would take, so the question is asked until the answer stays.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from slimtorch.inventory.distributions import Distribution
from slimtorch.inventory.needs import Graph as Needs
from slimtorch.inventory.needs import environment
from slimtorch.project.model import Profile
from slimtorch.slim.model import Drop, Note, Pass
from slimtorch.slim.passes import evidence
from slimtorch.slim.passes.installed import chosen
from slimtorch.slim.passes.paths import counted, finished, kept_whole
from slimtorch.slim.passes.python import module_of
from slimtorch.slim.passes.reach import Graph
from slimtorch.sources.patterns import matcher
from slimtorch.tables.slim_packages import package_rules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from slimtorch.slim.model import Policy, Subject
    from slimtorch.slim.passes.evidence import Evidence
    from slimtorch.slim.passes.installed import Item
    from slimtorch.slim.passes.paths import Wanted
    from slimtorch.tables.slim_packages import PackageRule

_Found = dict[str, list["Item"]]
"""The files that each rule is about, by the rule's id."""


def propose(subject: Subject, policy: Policy) -> Iterator[Drop | Note]:
    """A `Drop` for each file of what is not reached; a `Note` for each rule that has files here and does not apply."""
    if policy.slim.profile is not Profile.INFERENCE:
        return
    here = evidence.of(subject)
    found = {rule.id: _items(rule, here) for rule in package_rules().rules}
    rules = {rule.id: rule for rule in package_rules().rules if found[rule.id]}
    wanted = chosen(policy.slim.keep, subject.sites)
    against = _against(rules, found, subject, wanted)
    going: dict[str, Drop] = {}
    for name, rule in rules.items():
        if against[name]:
            yield Note("", f"{counted(found[name], subject)} of the rule {name} stay: {against[name]}")
        else:
            going |= {item.path: Drop(item.path, Pass.PACKAGES, rule.reason, name) for item in found[name]}
    yield from finished(going, here.installed, wanted)


def _items(rule: PackageRule, here: Evidence) -> list[Item]:
    if rule.distributions:
        return [item for item in here.installed.items.values() if item.owner in rule.distributions]
    return list(here.installed.matching(rule.patterns, rule.exceptions))


def _against(rules: Mapping[str, PackageRule], found: _Found, subject: Subject, wanted: Wanted) -> Mapping[str, str]:
    """What speaks against each rule, '' for nothing."""
    here = evidence.of(subject)
    graph = Graph(here.sources.values(), package_rules().known, package_rules().unreached)
    reasons = {
        name: here.conditions.against(rule.unless)
        or kept_whole(rule.distributions, found[name], wanted)
        or graph.holder(rule.words)
        for name, rule in rules.items()
    }
    needers = _needers(subject, here)
    while True:
        going = {name: rule for name, rule in rules.items() if not reasons[name]}
        more = _along(going, reasons) or _required(going, needers) or _reached(going, found, graph, here)
        if not more:
            return reasons
        reasons |= more


def _along(going: Mapping[str, PackageRule], reasons: Mapping[str, str]) -> dict[str, str]:
    """The rules that only apply with another which does not."""
    held = {rule.id: [other for other in rule.along if reasons.get(other)] for rule in going.values()}
    return {name: f"{others[0]} stays, and needs it" for name, others in held.items() if others}


def _required(going: Mapping[str, PackageRule], needers: Mapping[str, frozenset[str]]) -> dict[str, str]:
    """The rules whose distributions somebody requires who stays and does not do without, or nobody requires."""
    leaving = {name for rule in going.values() for name in rule.distributions}
    reasons: dict[str, str] = {}
    for rule in going.values():
        for name in (one for one in rule.distributions if one in needers):
            others = sorted(needers[name] - leaving - set(rule.despite))
            if not needers[name]:
                reasons[rule.id] = f"nothing requires {name}: it was asked for"
            elif others:
                reasons[rule.id] = f"{others[0]} requires {name}"
    return reasons


def _reached(going: Mapping[str, PackageRule], found: _Found, graph: Graph, here: Evidence) -> dict[str, str]:
    """The rules of which a module is imported by what stays."""
    without = {item.path for name in going for item in found[name]}
    roots = [*(here.conditions.used or ()), *(["torch"] if "torch" in here.installed.owners() else [])]
    reached = {late: graph.walk(roots, without, late=late) for late in (False, True)}
    reasons: dict[str, str] = {}
    for name, rule in going.items():
        # A late import of a distribution that nobody else requires may fail; one of a part of torch may not.
        modules = {module for item in found[name] if (module := _module(item))}
        seen = reached[bool(rule.patterns)]
        hit = min((module for module in modules if module in seen), default="")
        expected = matcher(rule.callers)
        surprise = next((one for one in graph.importers(modules, without) if not expected(one.name)), None)
        if hit:
            reasons[name] = f"{seen[hit] or 'the service'} imports {hit}"
        elif surprise:
            reasons[name] = f"{surprise.name} imports it"
    return reasons


def _module(item: Item) -> str:
    """The module that a file is, '' for none."""
    stem, _, suffix = posixpath.basename(item.name).partition(".")
    if suffix == "py":
        return module_of(item.name)[0]
    return module_of(f"{posixpath.dirname(item.name)}/{stem}.py".lstrip("/"))[0] if suffix.endswith("so") else ""


def _needers(subject: Subject, here: Evidence) -> dict[str, frozenset[str]]:
    """Who requires each installed distribution, extras that others ask for included (``Requires-Dist``)."""
    installed: dict[str, Distribution] = {}
    python = next((site.rpartition("/python")[2].partition("/")[0] for site in subject.sites), "") or "3.11"
    for item in here.installed.items.values():
        if item.name.endswith(".dist-info/METADATA") and item.name.count("/") == 1:
            lines = subject.files.text(item.path).partition("\n\n")[0].splitlines()
            asks = tuple(line.partition(":")[2].strip() for line in lines if line.startswith("Requires-Dist:"))
            installed[item.owner] = Distribution(item.owner, "", frozenset(), asks)
    needs = Needs(installed, environment(python))
    everybody: dict[str, tuple[str, ...]] = dict.fromkeys(installed, ())
    return {
        name: frozenset(edge.needer for edge in needs.needers(name, everybody)) - {name}
        for name in {one for rule in package_rules().rules for one in rule.distributions} & installed.keys()
    }
