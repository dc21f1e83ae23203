"""What a project is judged by, made by hand: code, declarations and distributions in short words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from slimtorch.deps.model import Evidence
from slimtorch.findings import Location
from slimtorch.inventory.code.model import Code, Form, Import, Reference, Role
from slimtorch.inventory.distributions import Distribution, EntryPoint
from slimtorch.project.declared.model import Declarations, Declared

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FORMS = {form.value: form for form in Form}
_ROLES = {"tests/": Role.TESTS, "tools/": Role.DEVELOPMENT}


def imported(text: str) -> Import:
    """``serve.py:3 lazy google.cloud storage``: place, form, module, names. The folder tells the role."""
    where, form, module, *names = text.split()
    path, _, line = where.partition(":")
    role = next((role for folder, role in _ROLES.items() if path.startswith(folder)), Role.SERVICE)
    return Import(module, tuple(names), Location(path, int(line)), _FORMS[form], role)


def reference(name: str, *arguments: str, path: str = "serve.py", line: int = 9) -> Reference:
    """A use in the service."""
    return Reference(name, Location(path, line), Role.SERVICE, arguments)


def distribution(name: str, modules: str = "", *requires: str, points: str = "", **more: Any) -> Distribution:
    """`modules` are separated by spaces (the name itself where there are none), entry points are ``group:name``."""
    found = frozenset((modules or name.replace("-", "_")).split()) - {"-"}
    pairs = (point.partition(":") for point in points.split())
    entry_points = tuple(EntryPoint(group, word, f"{min(found, default='x')}:y") for group, _, word in pairs)
    size = {"packed": 1_000_000, "unpacked": 3_000_000}
    return Distribution(name, "1.0", found, tuple(requires), entry_points=entry_points, **{**size, **more})


def declarations(
    production: Iterable[str], groups: Mapping[str, Iterable[str]] | None = None, own: str = ""
) -> Declarations:
    """Lines of a requirements.txt; ``# via`` is read."""
    items = [_declared(text, number, "") for number, text in enumerate(production, 1)]
    for group, lines in (groups or {}).items():
        items += [_declared(text, number, group) for number, text in enumerate(lines, 1)]
    return Declarations(tuple(items), own)


def _declared(text: str, line: int, group: str) -> Declared:
    plain, _, via = text.partition("  # via ")
    requirement = Requirement(plain)
    path = f"requirements{f'-{group}' if group else ''}.txt"
    return Declared(
        name=canonicalize_name(requirement.name),
        text=plain,
        location=Location(path, line),
        group=group,
        extras=frozenset(requirement.extras),
        marker=str(requirement.marker or ""),
        via=tuple(via.split(", ")) if via else (),
    )


def evidence(
    imports: Iterable[str],
    declared: Declarations,
    distributions: Iterable[Distribution] = (),
    *,
    references: Iterable[Reference] = (),
    mentions: Mapping[str, Location] | None = None,
    own: Iterable[str] = (),
) -> Evidence:
    """The evidence of a project whose code has these imports."""
    code = Code(3, tuple(map(imported, imports)), tuple(references), (), frozenset(own))
    return Evidence(declared, code, {one.name: one for one in distributions}, mentions or {})
