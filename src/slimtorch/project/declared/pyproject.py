"""``pyproject.toml`` as a declaration: PEP 621, PEP 735, and the tables of Poetry, uv, PDM and Hatch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from slimtorch.project.declared import poetry
from slimtorch.project.declared.found import Found, joined, lines
from slimtorch.project.declared.groups import of_name
from slimtorch.project.declared.model import PRODUCTION
from slimtorch.project.declared.toml import texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from slimtorch.project.declared.toml import Toml

DEEPEST = 50
"""Groups that may include each other in a row."""


def read(toml: Toml) -> Found:
    """Everything that the file declares; a name counts once a group, where it is said first."""
    name = toml.table("project").get("name") or toml.table("tool", "poetry").get("name")
    own = canonicalize_name(name) if isinstance(name, str) else ""
    parts = [*_project(toml, own), *_groups(toml), *_poetry(toml), *_tools(toml)]
    return joined([Found(own=own), *parts])


def files(toml: Toml) -> tuple[tuple[str, str], ...]:
    """The requirements files that hold dynamic dependencies, each with its group (setuptools, Hatch)."""
    dynamic = toml.table("tool", "setuptools", "dynamic")
    found = [(name, PRODUCTION) for name in _names(dynamic.get("dependencies"))]
    extras = dynamic.get("optional-dependencies")
    for extra, value in extras.items() if isinstance(extras, dict) else ():
        found += [(name, f"extra:{canonicalize_name(extra)}") for name in _names(value)]
    hook = toml.table("tool", "hatch", "metadata", "hooks", "requirements_txt")
    return (*found, *((name, PRODUCTION) for name in texts(hook.get("files"))))


def _names(value: object) -> list[str]:
    named = value.get("file") if isinstance(value, dict) else None
    return [named] if isinstance(named, str) else texts(named)


def _project(toml: Toml, own: str) -> Iterator[Found]:
    table = toml.table("project")
    yield _list(toml, "project.dependencies", table.get("dependencies", []), PRODUCTION)
    extras = table.get("optional-dependencies", {})
    if not isinstance(extras, dict):
        yield Found(wrong=(toml.wrong("project.optional-dependencies", "must be a table", fatal=False),))
        return
    found: dict[str, Found] = {
        canonicalize_name(extra): _list(toml, f"project.optional-dependencies.{extra}", rows, _extra(extra))
        for extra, rows in extras.items()
    }
    for extra in found:
        yield _expanded(found, extra, own)


def _expanded(found: Mapping[str, Found], extra: str, own: str) -> Found:
    """An extra together with those of the same project that it names: ``all = ["service[gpu]"]``."""
    waiting, met, kept = [extra], set(), []
    while waiting:
        if (name := waiting.pop(0)) in met or name not in found:
            continue
        met.add(name)
        kept.append(found[name])
        waiting += sorted(more for item in found[name].items if own and item.name == own for more in item.extras)
    return _regrouped(joined(kept), _extra(extra), own)


def _regrouped(found: Found, group: str, own: str = "") -> Found:
    items = tuple(replace(item, group=group) for item in found.items if not own or item.name != own)
    return replace(found, items=items, wrong=tuple(dict.fromkeys(found.wrong)))


def _extra(name: str) -> str:
    return f"extra:{canonicalize_name(name)}"


def _groups(toml: Toml) -> Iterator[Found]:
    tables: dict[str, tuple[str, Any]] = {
        canonicalize_name(name): (name, rows) for name, rows in toml.table("dependency-groups").items()
    }
    for group in tables:
        yield _group(toml, tables, group, (group,))


def _group(toml: Toml, tables: Mapping[str, tuple[str, Any]], group: str, chain: tuple[str, ...]) -> Found:
    name, rows = tables[group]
    key = f"dependency-groups.{name}"
    if not isinstance(rows, list):
        return Found(wrong=(toml.wrong(key, "must be a list", fatal=False),))
    parts = []
    for row in rows:
        other = row.get("include-group") if isinstance(row, dict) else None
        if not isinstance(other, str):
            parts.append(_list(toml, key, [row], chain[0]))
        elif (inner := canonicalize_name(other)) in chain or len(chain) > DEEPEST:
            around = " → ".join((*chain, inner))
            parts.append(Found(wrong=(toml.wrong(key, f"includes itself ({around})", fatal=False),)))
        elif inner not in tables:
            parts.append(Found(wrong=(toml.wrong(key, f"includes {other!r}, which does not exist", fatal=False),)))
        else:
            parts.append(_group(toml, tables, inner, (*chain, inner)))
    return joined(parts)


def _poetry(toml: Toml) -> Iterator[Found]:
    main = "tool.poetry.dependencies"
    extras = toml.table("tool", "poetry", "extras")
    for name, spec in toml.table("tool", "poetry", "dependencies").items():
        optional = isinstance(spec, dict) and spec.get("optional") is True
        inside = [_extra(extra) for extra, names in extras.items() if name in texts(names)]
        for group in (inside or ["optional"]) if optional else [PRODUCTION]:
            yield entry(toml, main, name, spec, group)
    for name, spec in toml.table("tool", "poetry", "dev-dependencies").items():
        yield entry(toml, "tool.poetry.dev-dependencies", name, spec, "dev")
    for group in toml.table("tool", "poetry", "group"):
        for name, spec in toml.table("tool", "poetry", "group", group, "dependencies").items():
            yield entry(toml, f"tool.poetry.group.{group}.dependencies", name, spec, canonicalize_name(group))


def entry(toml: Toml, table: str, name: str, spec: object, group: str) -> Found:
    """One ``name = version`` of a table of Poetry or Pipenv; a list has one version for each Python or platform."""
    if canonicalize_name(name) == "python" and group == PRODUCTION:
        return Found()
    parts = []
    for one in spec if isinstance(spec, list) else [spec]:
        try:
            parts.append(lines([(poetry.requirement(name, one), toml.at(table, f"{name}="))], group))
        except poetry.BadVersionError as bad:
            wrong = toml.wrong(f"{table}.{name}", str(bad), fatal=group == PRODUCTION)
            parts.append(Found(wrong=(wrong,)))
    return joined(parts)


def _tools(toml: Toml) -> Iterator[Found]:
    yield _list(toml, "tool.uv.dev-dependencies", toml.table("tool", "uv").get("dev-dependencies", []), "dev")
    for group, rows in toml.table("tool", "pdm", "dev-dependencies").items():
        yield _list(toml, f"tool.pdm.dev-dependencies.{group}", rows, canonicalize_name(group))
    for name in toml.table("tool", "hatch", "envs"):
        table = toml.table("tool", "hatch", "envs", name)
        group = "dev" if name == "default" else of_name(name) or canonicalize_name(name)
        for key in ("dependencies", "extra-dependencies"):
            yield _list(toml, f"tool.hatch.envs.{name}.{key}", table.get(key, []), group)


def _list(toml: Toml, key: str, rows: object, group: str) -> Found:
    fatal = group == PRODUCTION
    if not isinstance(rows, list):
        return Found(wrong=(toml.wrong(key, "must be a list", fatal=fatal),))
    parts = []
    for row in rows:
        if isinstance(row, str):
            parts.append(lines([(row, toml.at(key, row))], group))
        else:
            parts.append(Found(wrong=(toml.wrong(key, f"{row!r} is not a requirement", fatal=fatal),)))
    return joined(parts)
