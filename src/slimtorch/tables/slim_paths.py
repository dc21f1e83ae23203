"""The rules by which single files go: the table, and its checks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from slimtorch import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKS = ("", "tests", "stubs", "unloaded", "unimported")
CONDITIONS = ("compiles", "compiling", "unknown", "has", "file", "uses", "brings")
BARE = frozenset({"compiles", "compiling", "unknown"})
"""Conditions that may stand without a value."""
_COLUMNS = frozenset(
    {"id", "patterns", "except", "unless", "check", "exact", "ignore", "distributions", "modules", "reason"}
)


@dataclass(frozen=True, slots=True)
class PathRule:
    """One row. Patterns are relative to site-packages (`sources.patterns`).

    `check` is what else has to hold: nothing (''), ``tests`` (a folder of tests that nothing outside uses), ``stubs``
    (the distribution does not read its type stubs itself), ``unloaded`` (no library needs it, no file names it; `exact`
    if only the whole file name counts), ``unimported`` (nothing imports `modules` of the `distributions`). Files that
    match `ignore` may name or import it all the same. The rule does not apply where a condition of `unless` is met
    (`slim.passes.conditions`).
    """

    id: str
    reason: str
    patterns: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    check: str = ""
    exact: bool = False
    ignore: tuple[str, ...] = ()
    distributions: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PathRules:
    """The rules in the order in which they are tried, and the patterns of what no rule takes, with the reason."""

    kept: Mapping[str, str]
    rules: tuple[PathRule, ...]


@cache
def path_rules() -> PathRules:
    """The table.

    Raises:
        ValueError: it is damaged, which is a bug.
    """
    return check_table(tables.load("slim_paths"))


def check_table(table: Mapping[str, Any]) -> PathRules:
    """The table, checked.

    Raises:
        ValueError: a row has no reason, a column or condition that nobody knows, or nothing that it is about.
    """
    rules = tuple(_rule(row) for row in table["rules"])
    if len({rule.id for rule in rules}) != len(rules):
        raise ValueError("the table of paths holds a rule twice")
    if not all(reason.strip() for reason in table["kept"].values()):
        raise ValueError("the table of paths keeps something without a reason")
    return PathRules(dict(table["kept"]), rules)


def check_conditions(rule: str, unless: list[str]) -> tuple[str, ...]:
    """The conditions of a row.

    Raises:
        ValueError: a condition's first word is unknown, or names nothing.
    """
    for condition in unless:
        kind, colon, value = condition.partition(":")
        if kind not in CONDITIONS or (not value and (colon or kind not in BARE)):
            raise ValueError(f"the slimming rule {rule!r} has the condition {condition!r}, which nobody knows")
    return tuple(unless)


def _rule(row: Mapping[str, Any]) -> PathRule:
    name = row.get("id", "")
    if unknown := row.keys() - _COLUMNS:
        raise ValueError(f"the slimming rule {name!r} has columns that nobody knows: {sorted(unknown)}")
    if not name or not row.get("reason", "").strip() or row.get("check", "") not in CHECKS:
        raise ValueError(f"the slimming rule {name!r} has no name, no reason, or a check that nobody knows")
    if not row.get("patterns") and not row.get("distributions"):
        raise ValueError(f"the slimming rule {name!r} is about nothing")
    columns = {column: tuple(row.get(column, ())) for column in ("patterns", "ignore", "distributions", "modules")}
    return PathRule(
        id=name,
        reason=row["reason"],
        exceptions=tuple(row.get("except", ())),
        unless=check_conditions(name, row.get("unless", [])),
        check=row.get("check", ""),
        exact=row.get("exact", False),
        **columns,
    )
