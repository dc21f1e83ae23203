"""What ``pyproject.toml`` says of the project itself: PEP 621 metadata and PEP 735 dependency groups."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement

from slimtorch.project.config.reader import describe, suggest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from slimtorch.project.config.reader import Problems

DEEPEST = 50
"""Groups that may include each other in a row."""


@dataclass(frozen=True, slots=True)
class Pyproject:
    """The tables of a ``pyproject.toml`` that slimtorch reads; all empty when there is no such file."""

    project: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, Any] = field(default_factory=dict)
    exists: bool = False

    @property
    def name(self) -> str:
        """The distribution's name, or ''."""
        return _text(self.project.get("name"))

    @property
    def version(self) -> str:
        """The distribution's version, or '' (also when it is dynamic)."""
        return _text(self.project.get("version"))

    @property
    def has_dependencies(self) -> bool:
        """Whether ``[project]`` says what is needed, or says that something else does."""
        dynamic = self.project.get("dynamic")
        return "dependencies" in self.project or (isinstance(dynamic, list) and "dependencies" in dynamic)


def parse(document: Mapping[str, Any] | None) -> Pyproject:
    """The decoded file; None stands for no file."""
    if document is None:
        return Pyproject()
    return Pyproject(_table(document.get("project")), _table(document.get("dependency-groups")), exists=True)


def requirements(found: Pyproject, groups: Iterable[str], extras: Iterable[str], problems: Problems) -> tuple[str, ...]:
    """The PEP 508 lines of the dependencies, the extras and the groups, each once; what is wrong is noted."""
    lines: list[str] = []
    if isinstance(dynamic := found.project.get("dynamic"), list) and "dependencies" in dynamic:
        problems.add(
            "project.dynamic",
            "makes the dependencies, which only a build could tell",
            'name a requirements file: requirements = "requirements.txt"',
        )
    lines += _lines(found.project.get("dependencies", []), "project.dependencies", problems)
    for extra in extras:
        lines += _extra(found, extra, problems, ())
    for group in groups:
        lines += _group(found, group, problems, ())
    return tuple(dict.fromkeys(lines))


def check_names(found: Pyproject, groups: Iterable[str], extras: Iterable[str], problems: Problems) -> None:
    """Notes every group and extra that the file does not have."""
    for kind, wanted, known in (
        ("groups", groups, found.groups),
        ("extras", extras, _table(found.project.get("optional-dependencies"))),
    ):
        names = [_normal(name) for name in known]
        for name in wanted:
            if name not in names:
                problems.add(kind, f"pyproject.toml has no {kind[:-1]} {name!r}" + suggest(name, names))


def _extra(found: Pyproject, extra: str, problems: Problems, above: tuple[str, ...]) -> list[str]:
    key = f"project.optional-dependencies.{extra}"
    tables = {_normal(name): value for name, value in _table(found.project.get("optional-dependencies")).items()}
    if extra not in tables or extra in above:
        return []
    lines: list[str] = []
    for line in _lines(tables[extra], key, problems):
        requirement = Requirement(line)
        if _normal(requirement.name) == _normal(found.name):
            for other in sorted(requirement.extras):
                lines += _extra(found, _normal(other), problems, (*above, extra))
        else:
            lines.append(line)
    return lines


def _group(found: Pyproject, group: str, problems: Problems, above: tuple[str, ...]) -> list[str]:
    key = f"dependency-groups.{group}"
    tables = {_normal(name): value for name, value in found.groups.items()}
    if group in above or len(above) > DEEPEST:
        problems.add(key, f"includes itself ({' → '.join((*above, group))})")
        return []
    rows = tables.get(group, [] if not above else None)
    if rows is None:
        problems.add(f"dependency-groups.{above[-1]}", f"includes {group!r}, which does not exist")
        return []
    if not isinstance(rows, list):
        problems.add(key, f"must be a list, not {describe(rows)}")
        return []
    lines: list[str] = []
    for row in rows:
        if isinstance(row, dict) and list(row) == ["include-group"] and isinstance(row["include-group"], str):
            lines += _group(found, _normal(row["include-group"]), problems, (*above, group))
        else:
            lines += _lines([row], key, problems)
    return lines


def _lines(rows: object, key: str, problems: Problems) -> list[str]:
    if not isinstance(rows, list):
        problems.add(key, f"must be a list, not {describe(rows)}")
        return []
    found = []
    for row in rows:
        try:
            found.append(str(Requirement(row)))
        except (InvalidRequirement, TypeError) as bad:
            problems.add(key, f"{row!r} is not a requirement ({str(bad).splitlines()[0]})")
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
