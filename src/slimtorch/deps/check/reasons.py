"""Why something that no line imports is needed all the same. One reason too few breaks a service."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slimtorch.deps.check.facts import EXTRA, NO_EXTRAS, place, spoken
from slimtorch.inventory.code.model import Role
from slimtorch.inventory.code.references import INTERESTS as DEVICES
from slimtorch.tables import dependencies as tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from slimtorch.deps.check.facts import Facts
    from slimtorch.findings import Location
    from slimtorch.inventory.code.model import Import
    from slimtorch.inventory.distributions import Distribution, EntryPoint

COMMANDS = frozenset({"console_scripts", "gui_scripts"})
INTERESTS = DEVICES | {
    "pickle", "joblib", "cloudpickle", "dill", "skops", "shelve", "jsonpickle", "hickle", "pandas", "mlflow", "bentoml",
    "fastapi", "starlette", "litestar", "pydantic_settings", "sqlalchemy", "zoneinfo",
}  # fmt: skip
"""Modules whose uses tell what else is needed; to be read with the code."""
UNSEEN = "no source file was found that could tell"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known to stay: the `roots` that were judged so far, and all (`live`) that they need.

    `hosts` are those of them that use others when these are there; `extras` says which extras of the roots list what.
    """

    roots: frozenset[str]
    live: frozenset[str]
    hosts: tuple[str, ...] = ()
    extras: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)


def kept(facts: Facts, roots: frozenset[str], live: frozenset[str]) -> Kept:
    """The same, with what is asked of it for every name worked out once."""
    hosts = (host for host in sorted(live) if tables.is_host(host) and (host in roots or not tables.only_used(host)))
    extras: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for host in sorted(roots):
        for extra in _extras(host, facts):
            for needed in dict.fromkeys(edge.needed for edge in facts.graph.edges(host, extra)):
                extras[needed].append((host, extra))
    return Kept(roots, live, tuple(hosts), {name: tuple(found) for name, found in extras.items()})


def reason(name: str, facts: Facts, kept: Kept) -> str:
    """Why the distribution has to stay although nothing imports it, as one sentence; '' where nothing speaks for it."""
    for speaks in _REASONS:
        if found := speaks(name, facts, kept):
            return found
    return ""


def _elsewhere(name: str, facts: Facts, _: Kept) -> str:
    marker = facts.elsewhere.get(name, "")
    return f"nothing is installed here: its marker asks for {marker}" if marker else ""


def _mentioned(name: str, facts: Facts, _: Kept) -> str:
    mentions = facts.evidence.mentions
    found = sorted((place(mentions[word]), word) for word in spoken(facts.known[name]) if word in mentions)
    return f"{found[0][0]} names {found[0][1]}" if found else ""


def _quiet(name: str, facts: Facts, kept: Kept) -> str:
    if found := tables.quiet(name):
        return found
    found = tables.quiet_unless_brought(name)
    if not found:
        return ""
    others = {other: extras for other, extras in facts.wanted.items() if other not in {name, *kept.roots}}
    return "" if name in facts.graph.closure(others) else found


def back_end(name: str, _: Facts, kept: Kept) -> str:
    """Who of those that stay uses it when it is there."""
    host = next((host for host in kept.hosts if tables.back_end(host, name)), "")
    return f"{host} uses it when it is there" if host else ""


def user(name: str, facts: Facts, role: Role) -> tuple[str, Location] | None:
    """A module (or what is taken from one) that uses the distribution unasked, and where a file of `role` names it."""
    wanted = tables.users_of(name)
    if not wanted:
        return None
    for one in facts.code.imports:
        if one.role is role and (found := next((dotted for dotted in wanted if _names(one, dotted)), "")):
            return found, one.location
    for seen in facts.code.references:
        if seen.role is role and (found := next((w for w in wanted if f"{seen.name}.".startswith(f"{w}.")), "")):
            return found, seen.location
    return None


def _names(one: Import, dotted: str) -> bool:
    """Whether the import gets at what is called `dotted`; ``import fastapi`` gets at all of fastapi."""
    if f"{one.module}.".startswith(f"{dotted}."):
        return True
    if not one.names or "*" in one.names:
        return dotted.startswith(f"{one.module}.") and one.top not in INTERESTS
    taken = (f"{one.module}.{name}." for name in one.names)
    return any(name.startswith(f"{dotted}.") or f"{dotted}.".startswith(name) for name in taken)


def _part(name: str, facts: Facts, _: Kept) -> str:
    found = user(name, facts, Role.SERVICE)
    return f"{found[0]} ({place(found[1])}) uses it" if found else ""


def _extra(name: str, facts: Facts, kept: Kept) -> str:
    """An extra of something that stays, whoever else imports it.

    A framework is imported by those who use it, but for what computes for a library, where nothing else does.
    """
    engines = tables.engines()
    if tables.is_framework(name) and not (name in engines and kept.live.isdisjoint(engines)):
        return ""
    users = {dotted.partition(".")[0] for dotted in tables.users_of(name)}
    for host, extra in kept.extras.get(name, ()):
        if users.isdisjoint(module.partition(".")[0] for module in facts.known[host].modules):
            return f"{host} lists it in its extra {extra!r}"
    return ""


_IN_EXTRA = re.compile(r"""extra\s*==\s*['"]([A-Za-z0-9._-]+)['"]""")


def _extras(host: str, facts: Facts) -> list[str]:
    """The extras of `host` that are none of its own development, in the order of its METADATA."""
    held = facts.known.get(host)
    found = dict.fromkeys(extra for line in held.requires for extra in _IN_EXTRA.findall(line)) if held else {}
    return [extra for extra in found if not tables.is_development_extra(extra.lower())]


def _plugin(name: str, facts: Facts, kept: Kept) -> str:
    """Entry points that something loads: of a distribution that stays, or of nobody who is known."""
    for group in _groups(name, facts):
        if tables.tool_of_group(group) or tables.is_inert(group):
            continue
        loaders = _loaders(group, facts)
        if name in loaders or re.split(r"[._-]", group)[0] in spoken(facts.known[name]):
            continue
        if found := sorted(loaders & kept.live):
            return f"a plugin of {found[0]} (entry points {group!r})"
        if not loaders:
            return f"it brings entry points {group!r}, which something may load"
    return ""


def _groups(name: str, facts: Facts) -> list[str]:
    groups = {point.group for point in facts.known[name].entry_points}
    return sorted(groups - COMMANDS)


def _loaders(group: str, facts: Facts) -> set[str]:
    """The distributions that a group of entry points is called after: ``sqlalchemy.dialects``, ``torch_backends``."""
    words = re.split(r"[._-]", re.split(r"[:/]", group)[0].lower())
    heads = {"-".join(words[:count]) for count in range(1, len(words) + 1)}
    modules = {head.replace("-", "_") for head in heads}
    return {
        other
        for other, held in facts.known.items()
        if other in heads or any(module.lower() in modules for module in held.modules if "." not in module)
    }


_FOR_USERS = frozenset({"pytest11", "hypothesis"})
"""Groups of entry points with which a library helps the tests of those who use it."""


def plugin_of_tool(name: str, facts: Facts) -> str:
    """What the tools are that the distribution is a plugin of (``a test tool``); '' where it is more than that.

    A library may bring a plugin for the tests of those who use it, and is a library all the same.
    """
    points = facts.known[name].entry_points
    for group in _groups(name, facts):
        kind = tables.tool_of_group(group)
        if kind and (
            group not in _FOR_USERS or group.rstrip("1") in name or _is_plugin(facts.known[name], points, group)
        ):
            return kind
    return ""


def _is_plugin(held: Distribution, points: Iterable[EntryPoint], group: str) -> bool:
    """Whether it brings no module of its own beside the plugin, what is above that, and what is below."""
    plugins = {point.value.partition(":")[0].strip() for point in points if point.group == group}
    shown = (one for one in held.modules if not one.rpartition(".")[2].startswith("_"))
    return all(any(_is_above(one, plugin) or _is_above(plugin, one) for plugin in plugins) for one in shown)


def _is_above(module: str, other: str) -> bool:
    return f"{other}.".startswith(f"{module}.")


def _pickled(name: str, facts: Facts, _: Kept) -> str:
    if not tables.is_pickled(name, "any") and not tables.is_pickled(name, "torch"):
        return ""
    for dotted, arguments, where in _readers(facts):
        if "weights_only=True" in arguments:
            continue
        kind = "any" if "weights_only=False" in arguments else tables.reads_pickles(dotted)
        if kind and tables.is_pickled(name, kind):
            return f"{dotted} ({place(where)}) reads objects from files, which may be of it"
    return ""


def _readers(facts: Facts) -> Iterator[tuple[str, tuple[str, ...], Location]]:
    """What the service calls or imports that reads objects from files."""
    for seen in facts.code.references:
        if seen.role is Role.SERVICE and tables.reads_pickles(seen.name):
            yield seen.name, seen.arguments or (), seen.location
    for one in facts.code.imports:
        if one.role is Role.SERVICE:
            for dotted in (one.module, *(f"{one.module}.{name}" for name in one.names)):
                if tables.reads_pickles(dotted) and not dotted.startswith("torch."):
                    yield dotted, (), one.location


def _unknown_code(_: str, facts: Facts, __: Kept) -> str:
    """Code that comes from elsewhere imports what it likes."""
    for seen in facts.code.references:
        if seen.role is not Role.SERVICE:
            continue
        if tables.runs_unknown_code(seen.name) or "trust_remote_code=True" in (seen.arguments or ()):
            return f"{seen.name} ({place(seen.location)}) runs code that is not here, which may import it"
    return ""


def _no_modules(name: str, facts: Facts, _: Kept) -> str:
    held = facts.known[name]
    bare = not (held.assumed or held.modules or held.requires)
    return "it brings no module: others may load its files" if bare and held.unpacked else ""


def _unseen(_: str, facts: Facts, __: Kept) -> str:
    return "" if facts.code.files or facts.code.imports else UNSEEN


def _of_an_extra(name: str, facts: Facts, _: Kept) -> str:
    if name not in facts.chosen or name in facts.wanted:
        return ""
    extra = next(one.group.removeprefix(EXTRA) for one in facts.declared[name] if one.group.startswith(EXTRA))
    return f"the extra {extra!r} brings it to those who choose it"


_ALWAYS: tuple[Callable[[str, Facts, Kept], str], ...] = (_elsewhere, _mentioned, _of_an_extra)
_UNLESS_TOOL: tuple[Callable[[str, Facts, Kept], str], ...] = (
    _unseen, _quiet, back_end, _part, _plugin, _pickled, _extra, _unknown_code, _no_modules,
)  # fmt: skip


def _unless_tool(name: str, facts: Facts, kept: Kept) -> str:
    if tables.tool(name):
        return ""
    return next((found for speaks in _UNLESS_TOOL if (found := speaks(name, facts, kept))), "")


_REASONS = (*_ALWAYS, _unless_tool)


def bringer(names: set[str], needed: str, facts: Facts) -> str:
    """Which of the requirements `names` brings `needed` with the least besides; no tool, where something else does."""
    bring = []
    for name in sorted(names):
        closure = facts.graph.closure({name: facts.wanted.get(name, NO_EXTRAS)})
        if needed in closure:
            bring.append((bool(tables.tool(name)), len(closure), name))
    return min(bring)[2] if bring else ""
