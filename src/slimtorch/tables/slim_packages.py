"""The rules by which whole packages and libraries go from an image that only predicts: the table, and its checks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from slimtorch import tables
from slimtorch.tables.slim_paths import check_conditions

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLUMNS = frozenset(
    {"id", "distributions", "despite", "patterns", "except", "words", "callers", "along", "unless", "reason"}
)


@dataclass(frozen=True, slots=True)
class PackageRule:
    """One row: either whole `distributions`, or the files of `patterns` (relative to site-packages).

    A row of distributions applies only where each is required by somebody, and of those that stay only by `despite`:
    they do without. No row applies where what the service imports reaches one of its modules, where a known
    distribution imports one in another file than its `callers`, where a source of nobody known holds one of the
    `words`, where a condition of `unless` is met, or a row of `along` does not apply although its files are there.
    """

    id: str
    reason: str
    distributions: tuple[str, ...] = ()
    despite: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()
    along: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PackageRules:
    """The rows; the `known` distributions, of which only unindented imports count; files that are never imported."""

    known: tuple[str, ...]
    unreached: tuple[str, ...]
    rules: tuple[PackageRule, ...]


@cache
def package_rules() -> PackageRules:
    """The table.

    Raises:
        ValueError: it is damaged, which is a bug.
    """
    return check_table(tables.load("slim_packages"))


def check_table(table: Mapping[str, Any]) -> PackageRules:
    """The table, checked.

    Raises:
        ValueError: a row has no reason, a column or condition that nobody knows, or is about nothing or two things.
    """
    sets: Mapping[str, list[str]] = table["conditions"]
    rules = tuple(_rule(row, sets) for row in table["rules"])
    if len({rule.id for rule in rules}) != len(rules):
        raise ValueError("the table of packages holds a rule twice")
    if unknown := {other for rule in rules for other in rule.along} - {rule.id for rule in rules}:
        raise ValueError(f"the table of packages speaks of rules that are not there: {sorted(unknown)}")
    return PackageRules(tuple(table["known"]), tuple(table["unreached"]), rules)


def _rule(row: Mapping[str, Any], sets: Mapping[str, list[str]]) -> PackageRule:
    name = row.get("id", "")
    if unknown := row.keys() - _COLUMNS:
        raise ValueError(f"the slimming rule {name!r} has columns that nobody knows: {sorted(unknown)}")
    if not name or not row.get("reason", "").strip():
        raise ValueError(f"the slimming rule {name!r} has no name or no reason")
    if bool(row.get("distributions")) == bool(row.get("patterns")):
        raise ValueError(f"the slimming rule {name!r} is about nothing or about two things")
    unless = [one for word in row.get("unless", []) for one in (sets[word[1:]] if word.startswith("@") else [word])]
    columns = {column: tuple(row.get(column, ())) for column in _COLUMNS - {"id", "reason", "except", "unless"}}
    return PackageRule(
        id=name,
        reason=row["reason"],
        exceptions=tuple(row.get("except", ())),
        unless=check_conditions(name, unless),
        **columns,
    )
