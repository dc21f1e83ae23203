"""``[sources]``: where packages come from, beyond what the machine is configured for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.project.config.kinds import address, matching, project_path
from slimtorch.project.config.reader import BadValueError, Key, Section, Table, describe
from slimtorch.project.model import Index, Sources

if TYPE_CHECKING:
    from pathlib import Path

_INDEX_NAME = matching(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", "a short name of letters, digits, '-' and '_'")
MOST_INDEXES = 20


def _name(value: object) -> str:
    if value == "default":
        raise BadValueError("'default' is the name of the machine's own index; choose another")
    return _INDEX_NAME(value)


VENDOR = Key("vendor", project_path, "", "A folder of wheels and Debian packages to take instead of downloading.",
             "none", '"vendor"')  # fmt: skip
SECTION = Section("sources", "Where packages come from.", (VENDOR,), ("index",))
NAME = Key("name", _name, "", "What the lock calls this index.", "required", '"models"')
URL = Key("url", address, "", "The index's address; only used on this machine, never locked.", "required",
          '"https://pypi.example.org/simple"')  # fmt: skip
INDEX_SECTION = Section(
    "sources.index", "`[[sources.index]]`, once for each further Python index, in the order of preference.", (NAME, URL)
)


def read(table: Table, root: Path) -> Sources:
    """The section."""
    vendor = table.read(VENDOR)
    return Sources(indexes=_indexes(table), vendor=root / vendor if vendor else None)


def _indexes(table: Table) -> tuple[Index, ...]:
    rows = table.data.get("index", [])
    if not isinstance(rows, list) or len(rows) > MOST_INDEXES or not all(isinstance(row, dict) for row in rows):
        table.problems.add(
            table.dotted("index"), f"must be [[sources.index]] tables (at most {MOST_INDEXES}), not {describe(rows)}"
        )
        return ()
    found: dict[str, Index] = {}
    for row in rows:
        entry = Table(row, INDEX_SECTION, table.problems, table.prefix)
        for key in (NAME, URL):
            if key not in entry:
                entry.bad(key, "is missing")
        name, url = entry.read(NAME), entry.read(URL)
        if name in found:
            entry.bad(NAME, f"{name!r} is there twice")
        found[name] = Index(name, url)
    return tuple(found.values())
