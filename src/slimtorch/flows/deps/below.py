"""What lies in a project's folder and is not read: notebooks, and folders with requirements of their own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.deps.check import words
from slimtorch.project.declared.texts import FOLDERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from slimtorch.inventory.code.model import Code
    from slimtorch.project.declared import Declarations

MOST = 20_000
"""Folders that are looked at."""
_LEFT_OUT = frozenset({"node_modules", "venv", "env", "site-packages", "__pycache__", "build", "dist", "tests", "docs"})


@dataclass(frozen=True, slots=True)
class Below:
    """How many notebooks there are, and the folders with requirements of their own, relative and sorted."""

    notebooks: int
    members: tuple[str, ...]


def look(root: Path) -> Below:
    """What lies below `root`; hidden folders, environments and what cannot be read are left out."""
    notebooks, members = 0, []
    for number, (folder, folders, files) in enumerate(os.walk(root)):
        if number >= MOST:
            break
        folders[:] = [one for one in folders if not one.startswith(".") and one not in _LEFT_OUT]
        if "pyvenv.cfg" in files:
            folders.clear()
            continue
        notebooks += sum(name.endswith(".ipynb") for name in files)
        relative = os.path.relpath(folder, root)
        if relative != "." and relative not in FOLDERS and not {"requirements.txt", "pyproject.toml"}.isdisjoint(files):
            members.append(relative)
    return Below(notebooks, tuple(sorted(members)))


def notes(root: Path, declarations: Declarations, code: Code) -> tuple[str, ...]:
    """What a user has to know of it: one sentence each."""
    found, said = look(root), []
    if not code.files:
        said.append(f"no Python file was found in {root}: every requirement that is no known tool is kept")
    if code.computed:
        lines = words.listed(tuple(f"{one.path}:{one.line}" for one in code.computed))
        said.append(f"imported by a name that is only known at run time: {lines}; what that loads is not judged")
    if found.notebooks:
        said.append(f"{found.notebooks} notebook{'s were' if found.notebooks > 1 else ' was'} not read")
    if found.members:
        places = tuple(dict.fromkeys(item.location.path for item in declarations.items))
        read = words.listed(places) or "nothing"
        said.append(f"requirements were read from {read}; {separately(found.members)}")
    return tuple(said)


def separately(members: Sequence[str]) -> str:
    """What to do about folders with requirements of their own."""
    return f"check folders with requirements of their own one by one: {words.listed(members)}"
