"""Monorepos: the projects below one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.project.declared.toml import load, texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FOLDERS = ("packages/*", "libs/*", "services/*", "apps/*", "projects/*")
"""Where members usually are when nothing says it."""
FILES = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt")
MOST = 500
"""Members of one project."""


def members(root: Path) -> tuple[Path, ...]:
    """The folders below `root` that are projects of their own, sorted; a folder that leaves `root` is none.

    Those of ``[tool.uv.workspace]`` where the project has one, else the usual folders.

    Raises:
        ConfigError: ``pyproject.toml`` cannot be read or is not TOML.
    """
    toml = load(root / "pyproject.toml", root)
    table = toml.table("tool", "uv", "workspace") if toml else {}
    named = texts(table.get("members"))
    left_out = set(_matching(root, texts(table.get("exclude"))))
    patterns = named or ([] if table else FOLDERS)
    return tuple(sorted(set(_matching(root, patterns)) - left_out))[:MOST]


def _matching(root: Path, patterns: Iterable[str]) -> Iterator[Path]:
    base = root.resolve()
    for pattern in patterns:
        if (
            pattern.startswith("/")
            or ".." in pattern.split("/")
            or "**" in pattern
            or "\0" in pattern
            or not pattern.strip("./")
        ):
            continue
        for path in root.glob(pattern):
            if any((path / name).is_file() for name in FILES) and base in path.resolve().parents:
                yield path
