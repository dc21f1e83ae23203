"""The Python files of a source tree. Hidden folders, environments, caches and built things are no part of it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slimtorch.findings import Location
from slimtorch.inventory.code.model import Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

MAX_DEPTH = 60
"""Folders below the root."""
MAX_FILES = 100_000
MAX_BYTES = 2_000_000
"""A source file; what is larger is a table that a program wrote."""

MAX_SCRIPT = 1_000_000
"""Bytes of a program without suffix."""
_SHEBANG = re.compile(rb"#![^\n]*(?:python|pypy|\buv +run\b)")

MARKERS = frozenset({
    "pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile", "environment.yml", "environment.yaml",
    "Dockerfile", "Containerfile", "manage.py",
})  # fmt: skip
"""A folder with one of these is a project of its own: what is in it can be imported by plain name."""

_NEVER = frozenset({"__pycache__", "node_modules", "site-packages", "dist-packages", "__pypackages__", ".tox", ".nox"})
_ENVIRONMENT = frozenset({"pyvenv.cfg", "conda-meta"})
_BUILT = frozenset({"build", "dist"})


@dataclass(slots=True)
class Tree:
    """What the walk found; paths relative to the root, with slashes.

    `sources` are to be read, programs without ``.py`` included; `large` are too large to be parsed. `modules` are all
    ``.py`` files, those behind links within the tree included; `folders` are those that hold a module, at any depth
    below them. `projects` are folders with a project file of their own. `looks` counts the files without suffix that
    were looked into.
    """

    root: Path
    sources: list[str] = field(default_factory=list)
    modules: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)
    projects: dict[str, frozenset[str]] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    large: list[str] = field(default_factory=list)
    looks: int = 0
    full: bool = False

    def skip(self, path: str, reason: str) -> None:
        """Note a file that is not read."""
        self.skipped.append(Skipped(Location(shown(path)), reason))


def shown(path: str) -> str:
    """The path as text that can be printed, whatever bytes its name is made of."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def walk(root: Path, exclude: Collection[str] = ()) -> Tree:
    """All Python files below `root`, sorted. Links are followed for their names only and never out of the tree."""
    tree = Tree(root)
    real = os.path.realpath(root)
    _folder(tree, "", frozenset(path.strip("/") for path in exclude), (real,))
    tree.sources.sort()
    for module in tree.modules:
        folder = module.rpartition("/")[0]
        while folder and folder not in tree.folders:
            tree.folders.add(folder)
            folder = folder.rpartition("/")[0]
    return tree


def _folder(tree: Tree, folder: str, exclude: frozenset[str], above: tuple[str, ...], *, linked: bool = False) -> None:
    """One folder. `above` are the real paths of the root and of every link that led here."""
    if folder.count("/") >= MAX_DEPTH:
        tree.skip(folder, f"more than {MAX_DEPTH} folders deep")
        return
    try:
        with os.scandir(tree.root / folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        tree.skip(folder or ".", f"cannot be read: {error.strerror or error}")
        return
    names = frozenset(entry.name for entry in entries)
    if folder and names & _ENVIRONMENT:
        return
    if names & MARKERS:
        tree.projects[folder] = names & MARKERS
    for entry in entries:
        path = f"{folder}/{entry.name}" if folder else entry.name
        if path not in exclude and not tree.full:
            _entry(tree, entry, path, exclude, above, linked=linked)


def _entry(
    tree: Tree, entry: os.DirEntry[str], path: str, exclude: frozenset[str], above: tuple[str, ...], *, linked: bool
) -> None:
    if entry.is_symlink():
        above_link = _through(tree, entry, path, above)
        if above_link is None:
            return
        above, linked = above_link, True
    if _is(entry.is_dir):
        if not _left_out(tree, entry, path):
            _folder(tree, path, exclude, above, linked=linked)
    elif entry.name.endswith(".py"):
        if _is(entry.is_file):
            _file(tree, entry, path, linked=linked)
    elif not linked and _may_be_script(entry.name) and _is(entry.is_file):
        _script(tree, entry, path)


def _may_be_script(name: str) -> bool:
    return "." not in name or (name.endswith(".pyw") and not name.startswith("."))


def _is(question: Callable[[], bool]) -> bool:
    """The answer to a question about an entry; no where a link leads to itself."""
    try:
        return question()
    except OSError:
        return False


def _left_out(tree: Tree, entry: os.DirEntry[str], path: str) -> bool:
    """Whether a folder is no source: hidden, an environment, a cache, or what a build left beside a project file."""
    name = entry.name
    if name.startswith(".") or name in _NEVER or name.endswith((".egg-info", ".dist-info", ".egg")):
        return True
    beside = path.rpartition("/")[0]
    built = name in _BUILT and (not beside or beside in tree.projects)
    return built and not (tree.root / path / "__init__.py").exists()


def _through(tree: Tree, entry: os.DirEntry[str], path: str, above: tuple[str, ...]) -> tuple[str, ...] | None:
    """`above` and the place that a link leads to, or None where it is not followed: out of the tree, or in a circle."""
    target = os.path.realpath(tree.root / path)
    here = os.path.realpath((tree.root / path).parent)
    if not target.startswith(above[0].rstrip("/") + "/"):
        if entry.name.endswith(".py"):
            tree.skip(path, "a link that leaves the project")
        return None
    circle = target in above or f"{here}/".startswith(f"{target}/")
    return None if circle else (*above, target)


def _file(tree: Tree, entry: os.DirEntry[str], path: str, *, linked: bool) -> None:
    if len(tree.modules) >= MAX_FILES:
        tree.full = True
        tree.skip(path, f"more than {MAX_FILES} files; this one and all that follow are not read")
        return
    tree.modules.add(path)
    if linked:
        return
    _source(tree, entry, path)


def _source(tree: Tree, entry: os.DirEntry[str], path: str) -> None:
    (tree.large if entry.stat().st_size > MAX_BYTES else tree.sources).append(path)


def _script(tree: Tree, entry: os.DirEntry[str], path: str) -> None:
    """A program that no module imports: ``*.pyw``, or a file without suffix that says that Python runs it."""
    if "." in entry.name:
        _source(tree, entry, path)
    elif tree.looks < MAX_FILES and 0 < entry.stat().st_size <= MAX_SCRIPT:
        tree.looks += 1
        if tree.looks == MAX_FILES:
            tree.skip(path, f"more than {MAX_FILES} files without a suffix; those that follow are not looked at")
        elif _says_python(tree.root / path):
            tree.sources.append(path)


def _says_python(path: Path) -> bool:
    try:
        with path.open("rb", buffering=0) as file:
            return _SHEBANG.match(file.read(128)) is not None
    except OSError:
        return False
