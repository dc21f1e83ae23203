"""The name of the distribution that a folder holds, as its own metadata tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from slimtorch.errors import ConfigError
from slimtorch.project.declared import setuptools
from slimtorch.project.declared.toml import load

if TYPE_CHECKING:
    from pathlib import Path


def of_folder(folder: Path) -> str:
    """The canonical name in ``pyproject.toml``, ``setup.cfg`` or ``setup.py`` (literals only), or ''."""
    try:
        toml = load(folder / "pyproject.toml", folder)
    except ConfigError:
        toml = None
    found = toml and (toml.table("project").get("name") or toml.table("tool", "poetry").get("name"))
    if isinstance(found, str):
        return canonicalize_name(found)
    return setuptools.read(folder).own
