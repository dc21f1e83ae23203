"""``pyproject.toml``: development's go from ``[project] dependencies`` to dependency groups (PEP 621, PEP 735).

Tests' requirements go to the group of the tests, which development's group includes, so that whoever installs ``dev``
has what was there before.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import tomlkit
import tomlkit.items
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from tomlkit.exceptions import TOMLKitError

from slimtorch.deps.split import blocks, groups, poetry, toml_array
from slimtorch.deps.split.groups import Aside
from slimtorch.deps.split.model import UNKNOWN, Move, Place
from slimtorch.deps.split.toml_text import insert_table, newline_of
from slimtorch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.deps.split.blocks import Row
    from slimtorch.deps.split.model import Decisions
    from slimtorch.deps.split.toml_array import Array


@dataclass(frozen=True, slots=True)
class Regrouped:
    """The file after a split, and every requirement of production in its order."""

    text: str
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class _Decided:
    """The array of production's requirements, and where each of its rows goes."""

    array: Array
    rows: tuple[Row, ...]
    places: tuple[Place, ...]
    moves: tuple[Move, ...]

    def pick(self, place: Place) -> list[int]:
        return blocks.pick(self.rows, self.places, frozenset({place}))


def plan(text: str, decisions: Decisions, path: str = "pyproject.toml") -> Regrouped:
    """The file with development's requirements in groups; where nothing moves, the text as it was.

    Raises:
        ConfigError: it is not TOML, or it has no requirements that could be moved.
    """
    document = _parsed(text, path)
    project = document.get("project", {})
    if "dependencies" not in project:
        if poetry.names(document):
            return Regrouped(*poetry.plan(text, document, decisions, path))
        raise _nothing_here(document, path)
    decided = _decided(text, project["dependencies"], decisions, path)
    if all(move.decision.to is Place.PROD for move in decided.moves):
        return Regrouped(text, decided.moves)
    try:
        return Regrouped(_moved(text, decided), decided.moves)
    except ValueError as error:
        raise ConfigError(path, [str(error)]) from None


def names(text: str, path: str = "pyproject.toml") -> tuple[str, ...]:
    """The canonical names of production's requirements.

    Raises:
        ConfigError: as `plan`.
    """
    return tuple(move.name for move in plan(text, {}, path).moves)


def has_project(text: str) -> bool:
    """Whether the requirements stand in ``[project]``, and not in poetry's own table."""
    return "dependencies" in tomllib.loads(text).get("project", {})


def difference(before: str, after: str) -> tuple[str, ...]:
    """What a split of the file lost, added or changed; empty for a right one."""
    old, new = tomllib.loads(before), tomllib.loads(after)
    wrong = sorted(_everything(old) ^ _everything(new))
    for one in (old, new):
        one.pop("dependency-groups", None)
        one["project"].pop("dependencies")
    return tuple(wrong if old == new else [*wrong, "another part of the file"])


def _everything(document: Mapping[str, Any]) -> set[str]:
    """The requirements of production and of all groups, as written."""
    lists = [document["project"]["dependencies"], *document.get("dependency-groups", {}).values()]
    return {row for rows in lists if isinstance(rows, list) for row in rows if isinstance(row, str)}


def _parsed(text: str, path: str) -> Mapping[str, Any]:
    try:
        tomllib.loads(text)
        return tomlkit.parse(text)
    except (tomllib.TOMLDecodeError, TOMLKitError, RecursionError) as error:
        raise ConfigError(path, [f"is not TOML: {error}"]) from None


def _nothing_here(document: Mapping[str, Any], path: str) -> ConfigError:
    project = document.get("project", {})
    if isinstance(project, dict) and "dependencies" in project.get("dynamic", []):
        hint = "split the file that they are read from: slimtorch deps split requirements.txt"
        return ConfigError(path, ["makes its dependencies dynamic: they are written elsewhere"], hint=hint)
    hint = "give the file that names the packages"
    return ConfigError(path, ["has neither [project] dependencies nor [tool.poetry.dependencies]"], hint=hint)


def _decided(text: str, found: object, decisions: Decisions, path: str) -> _Decided:
    if not isinstance(found, tomlkit.items.Array):
        raise ConfigError(path, ["project.dependencies is not a list"])
    try:
        array = toml_array.parse(found.as_string())
    except ValueError as error:
        raise ConfigError(path, [f"project.dependencies cannot be split: {error}"]) from None
    line = text.count("\n", 0, max(text.find(array.text), 0)) + array.opening.count("\n") + 1
    rows, moves, problems = [], [], []
    for piece in array.pieces:
        row = piece.row
        if piece.value:
            try:
                move = _move(line, piece.value, decisions)
            except (InvalidRequirement, TypeError) as bad:
                problems.append(f"{path}:{line}: {piece.value} is not a requirement ({str(bad).splitlines()[0]})")
            else:
                moves.append(move)
                row = replace(row, place=move.decision.to)
        rows.append(row)
        line += (piece.before + piece.value + piece.between + piece.after).count("\n")
    if problems:
        raise ConfigError(path, problems)
    return _Decided(array, tuple(rows), blocks.place(rows), tuple(moves))


def _move(line: int, value: str, decisions: Decisions) -> Move:
    written = tomllib.loads(f"x = {value}")["x"]
    name = canonicalize_name(Requirement(written).name)
    return Move(line, written, name, decisions.get(name, UNKNOWN))


def _moved(text: str, decided: _Decided) -> str:
    array = decided.array
    newline = newline_of(text)
    document = tomlkit.parse(text)
    project: Any = document["project"]
    project["dependencies"] = _value(toml_array.without(array, decided.pick(Place.PROD)), newline)
    tables: Any = document.get("dependency-groups")
    aside = Aside(
        tuple(array.pieces[number] for number in decided.pick(Place.DEV)),
        tuple(array.pieces[number] for number in decided.pick(Place.TEST)),
        array.on_one_line,
        array.indent,
    )
    new = groups.filled(tables if isinstance(tables, dict) else {}, aside, newline)
    if tables is None:
        lines = "".join(f"{name} = {value.text}{newline}" for name, value in new.items())
        return insert_table(document.as_string(), "dependency-groups", lines, after="project")
    for name, value in new.items():
        tables[name] = _value(value, newline)
    return document.as_string()


def _value(array: Array, newline: str) -> tomlkit.items.Item:
    item: tomlkit.items.Item = tomlkit.parse(f"x = {array.text}{newline}")["x"]
    return item
