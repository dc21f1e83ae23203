"""``Pipfile``: Pipenv's packages and development packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.project.declared.found import Found, joined
from slimtorch.project.declared.model import PRODUCTION
from slimtorch.project.declared.pyproject import entry
from slimtorch.project.declared.toml import load

if TYPE_CHECKING:
    from pathlib import Path

_TABLES = {"packages": PRODUCTION, "dev-packages": "dev"}


def read(root: Path) -> Found:
    """What the file declares.

    Raises:
        ConfigError: it cannot be read or is not TOML.
    """
    toml = load(root / "Pipfile", root)
    if toml is None:
        return Found()
    return joined(
        entry(toml, table, name, spec, group)
        for table, group in _TABLES.items()
        for name, spec in toml.table(table).items()
    )
