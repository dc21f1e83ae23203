"""What the service imports and its requirements do not name."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from slimtorch.deps.check import words
from slimtorch.deps.check.facts import EXTRA, NO_EXTRAS
from slimtorch.deps.model import Dependency, Verdict
from slimtorch.inventory.code.model import Form, Role
from slimtorch.tables import dependencies as tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.deps.check.facts import Facts
    from slimtorch.inventory.code.model import Import
    from slimtorch.inventory.needs import Edge


def find(laid: Facts) -> Iterator[Dependency]:
    """What is there only through another one, and what is not there at all."""
    yield from _undeclared(laid)
    yield from _unowned(laid)


def _undeclared(laid: Facts) -> Iterator[Dependency]:
    offered = {**laid.wanted, **laid.chosen}
    there = laid.graph.closure(offered)
    declared = offered.keys() | laid.elsewhere.keys()
    covered = {id(one) for name in declared for one in laid.of(name).service}
    for name, uses in sorted(laid.uses.items()):
        demanded = tuple(one for one in uses.demanded if id(one) not in covered)
        if name in declared or not demanded:
            continue
        edges = tuple(edge for edge in laid.graph.needers(name, offered) if edge.needer != name)
        if name in there:
            yield _through(laid, name, demanded, edges)
        elif groups := laid.groups(name):
            said = f"{words.used(demanded)}, and only {words.listed([_group(one) for one in groups])} declares it"
            yield Dependency(name, Verdict.MISSING, said, laid.declared[name], demanded)
        elif _through_development(laid, name):
            said = f"{words.used(demanded)}, and only requirements of development bring it"
            yield Dependency(name, Verdict.MISSING, said, (), demanded)
        else:
            said = f"{words.used(demanded)}; it is locked, and no requirement names it"
            yield Dependency(name, Verdict.UNDECLARED, said, (), demanded)


def _through(laid: Facts, name: str, demanded: tuple[Import, ...], edges: tuple[Edge, ...]) -> Dependency:
    needers = tuple(dict.fromkeys(edge.needer for edge in edges))
    said = f"{words.used(demanded)}, and it is there only through {words.listed(needers)}"
    return Dependency(name, Verdict.UNDECLARED, said, laid.declared.get(name, ()), demanded, needers)


def _group(group: str) -> str:
    return f"the extra {group.removeprefix(EXTRA)!r}" if group.startswith(EXTRA) else f"the group {group!r}"


def _through_development(laid: Facts, name: str) -> bool:
    others = {other: NO_EXTRAS for other in laid.declared if other not in laid.wanted}
    return name in laid.graph.closure(others)


def _unowned(laid: Facts) -> Iterator[Dependency]:
    """Modules that nobody brings. Where a requirement could not be read, it may be the one: they are named."""
    modules: defaultdict[str, list[Import]] = defaultdict(list)
    for one in laid.unowned:
        if one.role is Role.SERVICE and one.form not in {Form.OPTIONAL, Form.TYPING, Form.STRING}:
            modules[_module(laid, one)].append(one)
    unread = tuple(sorted(name for name in laid.wanted if laid.known[name].assumed and not _is_simple(name)))
    nameless = tuple(one.text for one in laid.evidence.declarations.nameless)
    for module, imports in sorted(modules.items()):
        said = f"{words.used(imports, module)}, and nothing brings it"
        if unread or nameless:
            said += f", unless {words.listed([*nameless, *unread])} does, which could not be read"
        yield Dependency(module, Verdict.MISSING, said, (), tuple(imports), (*nameless, *unread))


def _is_simple(name: str) -> bool:
    """Whether what the distribution brings is known without reading it, and brings nothing else along."""
    return bool(tables.tool(name))


def _module(laid: Facts, one: Import) -> str:
    """The part of the name that is missing: below a namespace, one level more than the namespace."""
    spaces = {space for held in laid.known.values() for space in held.namespaces}
    parts = f"{one.module}.{one.names[0]}".split(".") if one.names and one.module in spaces else one.module.split(".")
    depth = 1
    while depth < len(parts) and ".".join(parts[:depth]) in spaces:
        depth += 1
    return ".".join(parts[:depth])
