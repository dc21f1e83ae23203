"""``[tool.poetry.dependencies]``: development's go to ``[tool.poetry.group.dev.dependencies]``, line by line."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from tomlkit.items import Comment, Item, Key, Table, Whitespace

from slimtorch.deps.split import blocks
from slimtorch.deps.split.blocks import Row, Sort
from slimtorch.deps.split.model import UNKNOWN, Decision, Move, Place
from slimtorch.deps.split.toml_text import insert_table, newline_of
from slimtorch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from slimtorch.deps.split.model import Decisions

_TABLE = "tool.poetry.dependencies"
_BY_HAND = "move it by hand into [tool.poetry.group.dev.dependencies]"
_OPTIONAL = "an extra of the project brings it, when asked"


def names(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The canonical names in the table; empty where there is none."""
    table = _at(document, _TABLE)
    return tuple(str(canonicalize_name(name)) for name in table if name != "python") if table else ()


def plan(text: str, document: Mapping[str, Any], decisions: Decisions, path: str) -> tuple[str, tuple[Move, ...]]:
    """The file with development's requirements in poetry's groups, and every requirement of the table.

    Raises:
        ConfigError: one that has to move is written in a way that only a person can move.
    """
    body = _at(document, _TABLE).value.body
    rows, moves = [], []
    line = _line_of(text, body)
    for key, item in body:
        row, move = _row(key, item, line, decisions, path)
        rows.append(row)
        moves += [move] if move else []
        line += row.text.count("\n")
    if all(move.decision.to is Place.PROD for move in moves):
        return text, tuple(moves)
    return _moved(text, document, rows, path), tuple(moves)


def _row(key: Key | None, item: Item, line: int, decisions: Decisions, path: str) -> tuple[Row, Move | None]:
    written = _written(key, item)
    if key is None:
        return Row(Sort.COMMENT if isinstance(item, Comment) else Sort.BLANK, written), None
    if key.key == "python":
        return Row(Sort.ITEM, written), None
    name = str(canonicalize_name(key.key))
    decision = decisions.get(name, UNKNOWN)
    if isinstance(item, dict) and item.get("optional"):
        decision = Decision(Place.PROD, _OPTIONAL)
    if decision.to is not Place.PROD and isinstance(item, Table):
        raise ConfigError(path, [f"{_TABLE}.{key.key} is a table of its own"], hint=_BY_HAND)
    shown = f"[{_TABLE}.{key.key}]" if isinstance(item, Table) else f"{key.key} = {item.as_string().strip()}"
    return Row(Sort.ITEM, written, decision.to), Move(line, shown, name, decision)


def _moved(text: str, document: Mapping[str, Any], rows: Sequence[Row], path: str) -> str:
    newline = newline_of(text)
    # Tables below the table are not its lines; the blank line above them is not its last requirement's.
    rows = [row for row in rows if row.text]
    while rows and rows[-1].sort is Sort.BLANK:
        rows.pop()
    places = blocks.place(rows)
    old = "".join(row.text for row in rows)
    if text.count(old) != 1:
        raise ConfigError(path, [f"[{_TABLE}] is laid out in an unusual way"], hint=_BY_HAND)
    new = text.replace(old, _texts(rows, blocks.pick(rows, places, frozenset({Place.PROD})), newline))
    for place in (Place.DEV, Place.TEST):
        picked = [n for n in blocks.pick(rows, places, frozenset({place})) if rows[n].sort is not Sort.BLANK]
        if picked:
            new = _into_group(new, document, str(place), _texts(rows, picked, newline), path)
    return new


def _texts(rows: Sequence[Row], numbers: Sequence[int], newline: str) -> str:
    texts = [rows[number].text for number in numbers]
    return "".join(text if text.endswith("\n") else text + newline for text in texts)


def _into_group(text: str, document: Mapping[str, Any], group: str, lines: str, path: str) -> str:
    name = f"tool.poetry.group.{group}.dependencies"
    if group == Place.DEV and _at(document, name) is None and _at(document, "tool.poetry.dev-dependencies") is not None:
        name = "tool.poetry.dev-dependencies"
    table = _at(document, name)
    if table is None:
        return insert_table(text, name, lines, after=_TABLE)
    body = "".join(_written(key, item) for key, item in table.value.body)
    end = body.rstrip()
    if not end or text.count(end) != 1:
        raise ConfigError(path, [f"[{name}] is laid out in an unusual way"], hint=_BY_HAND)
    return text.replace(end, end + newline_of(text) + lines.rstrip("\r\n"))


def difference(before: str, after: str) -> tuple[str, ...]:
    """What a split of the table lost, added or changed; empty for a right one."""
    old, new = tomllib.loads(before), tomllib.loads(after)
    wanted, found = _all(old), _all(new)
    wrong = [name for name in {**wanted, **found} if wanted.get(name) != found.get(name)]
    for one in (old, new):
        for key in ("dependencies", "dev-dependencies", "group"):
            one["tool"]["poetry"].pop(key, None)
    return tuple(wrong if old == new else [*wrong, "another part of the file"])


def _all(document: Mapping[str, Any]) -> dict[str, list[str]]:
    poetry = document["tool"]["poetry"]
    tables = [poetry["dependencies"], poetry.get("dev-dependencies", {})]
    tables += [group.get("dependencies", {}) for group in poetry.get("group", {}).values()]
    found: dict[str, list[str]] = {}
    for table in tables:
        for name, value in table.items():
            found.setdefault(name, []).append(repr(value))
    return {name: sorted(values) for name, values in found.items()}


def _line_of(text: str, body: Sequence[tuple[Any, Any]]) -> int:
    start = text.find("".join(_written(key, item) for key, item in body))
    return text.count("\n", 0, max(start, 0)) + 1


def _written(key: Key | None, item: Item) -> str:
    """A line of a table as it stands in the file; '' for a table below it."""
    if key is None:
        return str(item.as_string()) if isinstance(item, Comment | Whitespace) else ""
    if isinstance(item, Table):
        return ""
    trivia = item.trivia
    return (
        f"{trivia.indent}{key.as_string()}{key.sep}{item.as_string()}{trivia.comment_ws}{trivia.comment}{trivia.trail}"
    )


def _at(document: Any, dotted: str) -> Any:  # noqa: ANN401  (any TOML value)
    for part in dotted.split("."):
        if not isinstance(document, dict) or part not in document:
            return None
        document = document[part]
    return document if isinstance(document, dict) else None
