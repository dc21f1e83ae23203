"""Where the requirements come from: exactly one origin, explicit or found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.project.config import project, pyproject, requirement_files
from slimtorch.project.config.app import inside_file
from slimtorch.project.model import Requirements

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.project.config.pyproject import Pyproject
    from slimtorch.project.config.reader import Table

PYPROJECT = "pyproject.toml"
FOUND = ("pylock.toml", "uv.lock", "requirements-prod.txt", "requirements.txt")
"""What is looked for, in this order, when the project names nothing; then come the dependencies of pyproject.toml.

``requirements-prod.txt`` is what ``slimtorch deps split`` writes beside ``requirements.txt``.
"""


def read(table: Table, found: Pyproject, root: Path) -> Requirements:
    """The project's requirements; what is wrong with them is noted in `table`."""
    groups, extras = table.read(project.GROUPS), table.read(project.EXTRAS)
    names = table.each(project.REQUIREMENTS, lambda name: inside_file(root, name))
    if project.REQUIREMENTS not in table:
        names = _find(table, found, root, chosen=bool(groups or extras))
    if not names:
        return Requirements()
    if groups or extras:
        _check_groups(table, found, names, groups, extras)
    if names == (PYPROJECT,):
        lines = pyproject.requirements(found, groups, extras, table.problems)
        return Requirements(inline=lines, origin=PYPROJECT, groups=groups, extras=extras)
    if any(name == PYPROJECT or is_lock(name) for name in names):
        if len(names) > 1:
            table.bad(project.REQUIREMENTS, "may hold several requirements files, or one file of another kind")
        return Requirements(lock=root / names[0], origin=names[0], groups=groups, extras=extras)
    return _files(table, names, root)


def is_lock(name: str) -> bool:
    """Whether this names a lock by another tool: ``uv.lock``, ``pylock.toml``, ``pylock.NAME.toml`` (PEP 751)."""
    last = name.rpartition("/")[2]
    return last == "uv.lock" or (last.startswith("pylock.") and last.endswith(".toml"))


def _files(table: Table, names: tuple[str, ...], root: Path) -> Requirements:
    paths = tuple(root / name for name in names)
    read = requirement_files.read(paths, root)
    for file in read:
        for problem in file.problems:
            table.problems.add("", problem)
    return Requirements(files=paths, origin=", ".join(names))


def _find(table: Table, found: Pyproject, root: Path, *, chosen: bool) -> tuple[str, ...]:
    for name in FOUND:
        if (root / name).is_file() and not (chosen and name != "uv.lock"):
            return (name,)
    if found.has_dependencies or (chosen and found.exists):
        return (PYPROJECT,)
    table.bad(
        project.REQUIREMENTS,
        "nothing says which packages the service needs",
        "write a requirements.txt, or [project] dependencies in pyproject.toml",
    )
    return ()


def _check_groups(
    table: Table, found: Pyproject, names: tuple[str, ...], groups: tuple[str, ...], extras: tuple[str, ...]
) -> None:
    key = project.GROUPS if groups else project.EXTRAS
    if not found.exists:
        table.bad(key, "needs a pyproject.toml, which is not there")
    elif names[0].rpartition("/")[2] not in {PYPROJECT, "uv.lock"}:
        table.bad(key, f"chooses from pyproject.toml, but the packages come from {names[0]}; use one of the two")
    else:
        pyproject.check_names(found, groups, extras, table.problems)
