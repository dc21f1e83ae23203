"""Why something that no line imports is needed all the same. One reason too few breaks a service."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.deps.check.facts import EXTRA, NO_EXTRAS, place, spoken
from slimtorch.inventory.code.model import Role
from slimtorch.inventory.code.references import INTERESTS as DEVICES
from slimtorch.tables import dependencies as tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slimtorch.deps.check.facts import Facts
    from slimtorch.findings import Location
    from slimtorch.inventory.code.model import Import

COMMANDS = frozenset({"console_scripts", "gui_scripts"})
INTERESTS = DEVICES | {
    "pickle", "joblib", "cloudpickle", "dill", "skops", "shelve", "jsonpickle", "hickle", "pandas", "mlflow", "bentoml",
    "fastapi", "starlette", "litestar", "pydantic_settings", "sqlalchemy", "zoneinfo",
}  # fmt: skip
"""Modules whose uses tell what else is needed; to be read with the code."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known to stay: the `roots` that were judged so far, and all (`live`) that they need."""

    roots: frozenset[str]
    live: frozenset[str]


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
    words = spoken(facts.known[name])
    found = sorted((place(where), word) for word, where in facts.evidence.mentions.items() if word in words)
    return f"{found[0][0]} names {found[0][1]}" if found else ""


def _quiet(name: str, facts: Facts, kept: Kept) -> str:
    if found := tables.quiet(name):
        return found
    found = tables.quiet_unless_brought(name)
    others = {other: extras for other, extras in facts.wanted.items() if other not in {name, *kept.roots}}
    return "" if found and name in facts.graph.closure(others) else found


def _back_end(name: str, _: Facts, kept: Kept) -> str:
    hosts = (host for host in sorted(kept.live) if host in kept.roots or not tables.only_used(host))
    host = next((host for host in hosts if tables.back_end(host, name)), "")
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
    for host in sorted(kept.roots):
        if extra := _listed(host, name, facts):
            return f"{host} lists it in its extra {extra!r}"
    return ""


_IN_EXTRA = re.compile(r"""extra\s*==\s*['"]([A-Za-z0-9._-]+)['"]""")


def _listed(host: str, name: str, facts: Facts) -> str:
    """The extra of `host` that brings `name`, where it is none of the host's own development."""
    held = facts.known.get(host)
    if held is None:
        return ""
    tops = {module.partition(".")[0] for module in held.modules}
    if any(dotted.partition(".")[0] in tops for dotted in tables.users_of(name)):
        return ""
    extras = dict.fromkeys(extra for line in held.requires for extra in _IN_EXTRA.findall(line))
    wanted = (extra for extra in extras if not tables.is_development_extra(extra.lower()))
    return next((extra for extra in wanted if any(e.needed == name for e in facts.graph.edges(host, extra))), "")


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


def plugin_of_tool(name: str, facts: Facts) -> str:
    """What the tools are that the distribution is a plugin of (``a test tool``); '' where it is none."""
    kinds = (tables.tool_of_group(group) for group in _groups(name, facts))
    return next((kind for kind in kinds if kind), "")


def _pickled(name: str, facts: Facts, _: Kept) -> str:
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


def _of_an_extra(name: str, facts: Facts, _: Kept) -> str:
    if name not in facts.chosen or name in facts.wanted:
        return ""
    extra = next(one.group.removeprefix(EXTRA) for one in facts.declared[name] if one.group.startswith(EXTRA))
    return f"the extra {extra!r} brings it to those who choose it"


_ALWAYS: tuple[Callable[[str, Facts, Kept], str], ...] = (_elsewhere, _mentioned, _of_an_extra)
_UNLESS_TOOL: tuple[Callable[[str, Facts, Kept], str], ...] = (
    _quiet, _back_end, _part, _plugin, _pickled, _extra, _unknown_code, _no_modules,
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
