"""``pyproject.toml`` as a declaration: PEP 621, PEP 735, and the tables of Poetry, uv, PDM and Hatch."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from slimtorch.project.declared import poetry
from slimtorch.project.declared.found import Found, joined, lines
from slimtorch.project.declared.groups import of_name
from slimtorch.project.declared.model import PRODUCTION
from slimtorch.project.declared.toml import texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from slimtorch.project.declared.toml import Toml

DEEPEST = 50
"""Groups that may include each other in a row."""
MOST, LARGEST = 500, 5000
"""Groups or extras that are read, and requirements that one of them may have, with all that it includes."""


def read(toml: Toml) -> Found:
    """Everything that the file declares; a name counts once a group, where it is said first."""
    own = name_in(toml)
    parts = [*_project(toml, own), *_groups(toml), *_poetry(toml), *_tools(toml)]
    return joined([Found(own=own), *parts])


def name_in(toml: Toml) -> str:
    """The canonical name of the project, or ''."""
    name = toml.table("project").get("name") or toml.table("tool", "poetry").get("name")
    return canonicalize_name(name) if isinstance(name, str) else ""


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
        for extra, rows in islice(extras.items(), MOST)
    }
    yield _cut(toml, "project.optional-dependencies", len(extras))
    for extra in found:
        yield _whole(toml, "project.optional-dependencies", _expanded(found, extra, own), _extra(extra), own)


def _expanded(found: Mapping[str, Found], extra: str, own: str) -> Iterator[Found]:
    """An extra together with those of the same project that it names: ``all = ["service[gpu]"]``."""
    waiting, met = deque([extra]), set()
    while waiting:
        if (name := waiting.popleft()) in met or name not in found:
            continue
        met.add(name)
        yield found[name]
        waiting += sorted({more for item in found[name].items if own and item.name == own for more in item.extras})


def _whole(toml: Toml, key: str, parts: Iterable[Found], group: str, own: str = "") -> Found:
    """All parts as one group, each requirement once."""
    found = joined(parts)
    items = tuple(dict.fromkeys(replace(item, group=group) for item in found.items if not own or item.name != own))
    wrong = dict.fromkeys(found.wrong)
    if len(items) > LARGEST:
        wrong[toml.wrong(key, f"{group} has more than {LARGEST} requirements", fatal=False)] = None
    return replace(found, items=items[:LARGEST], wrong=tuple(wrong))


def _cut(toml: Toml, key: str, length: int) -> Found:
    problem = toml.wrong(key, f"has {length} entries, and only the first {MOST} are read", fatal=False)
    return Found(wrong=(problem,) if length > MOST else ())


def _extra(name: str) -> str:
    return f"extra:{canonicalize_name(name)}"


def _groups(toml: Toml) -> Iterator[Found]:
    table = toml.table("dependency-groups")
    rows: dict[str, list[Found | str]] = {
        canonicalize_name(name): list(_rows(toml, f"dependency-groups.{name}", value, canonicalize_name(name)))
        for name, value in islice(table.items(), MOST)
    }
    yield _cut(toml, "dependency-groups", len(table))
    for group in rows:
        yield _whole(toml, f"dependency-groups.{group}", _reached(toml, rows, (group,), set()), group)


def _rows(toml: Toml, key: str, rows: object, group: str) -> Iterator[Found | str]:
    """What a group declares itself, and the canonical names of the groups that it includes, in their order."""
    if not isinstance(rows, list):
        yield Found(wrong=(toml.wrong(key, "must be a list", fatal=False),))
        return
    for row in rows:
        other = row.get("include-group") if isinstance(row, dict) else None
        yield canonicalize_name(other) if isinstance(other, str) else _list(toml, key, [row], group)


def _reached(
    toml: Toml, rows: Mapping[str, list[Found | str]], chain: tuple[str, ...], met: set[str]
) -> Iterator[Found]:
    """What the last group of the chain and those that it includes declare, each group once."""
    met.add(chain[-1])
    for row in rows[chain[-1]]:
        problem = ""
        if isinstance(row, Found):
            yield row
        elif row in chain:
            problem = f"includes itself ({' → '.join((*chain, row))})"
        elif row not in rows:
            problem = f"includes {row!r}, which does not exist"
        elif len(chain) > DEEPEST:
            problem = "includes too many groups in a row"
        elif row not in met:
            yield from _reached(toml, rows, (*chain, row), met)
        if problem:
            yield Found(wrong=(toml.wrong(f"dependency-groups.{chain[-1]}", problem, fatal=False),))


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
