"""``pylock.toml`` (PEP 751) as a declaration, for projects that have nothing else: everything that it pins."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from slimtorch.project.declared.found import Found, joined, lines
from slimtorch.project.declared.model import PRODUCTION
from slimtorch.project.declared.toml import load

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path, root: Path) -> Found:
    """The packages of the file; those that it names as a dependency of others have them as `via`.

    Raises:
        ConfigError: it cannot be read or is not TOML.
    """
    toml = load(path, root)
    packages = _named(toml.data.get("packages")) if toml else []
    via: dict[str, list[str]] = {}
    for row in packages:
        for other in _named(row.get("dependencies")):
            via.setdefault(canonicalize_name(other["name"]), []).append(canonicalize_name(row["name"]))
    parts = []
    for row in packages:
        pin = f"=={row['version']}" if isinstance(row.get("version"), str) else ""
        marker = f" ; {row['marker']}" if isinstance(row.get("marker"), str) else ""
        if toml:
            parts.append(
                lines([(f"{row['name']}{pin}{marker}", toml.at("packages", f"name={row['name']}"))], PRODUCTION)
            )
    found = joined(parts)
    return replace(
        found, items=tuple(replace(item, via=tuple(sorted(set(via.get(item.name, []))))) for item in found.items)
    )


def _named(rows: object) -> list[dict[str, Any]]:
    """The tables of a list that have a name."""
    tables = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [table for table in tables if isinstance(table.get("name"), str)]
