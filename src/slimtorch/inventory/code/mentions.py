"""Places outside the code that name a module, a command or a distribution: container files, scripts, settings."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from slimtorch.findings import Location
from slimtorch.inventory.code import texts
from slimtorch.inventory.code.tree import MAX_DEPTH, shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

MAX_FILES = 20_000
MAX_BYTES = 1_000_000
"""A text file; a larger one is data."""

_TOKEN = re.compile(r"[A-Za-z0-9][\w.-]*")
_FOLDERS = frozenset({"node_modules", "site-packages", "dist-packages", "__pycache__", "build", "dist", "docs", "doc"})
_TESTS = frozenset({"tests", "test"})
_ENVIRONMENT = frozenset({"pyvenv.cfg", "conda-meta"})
_SEPARATORS = re.compile(r"[-_.]+")


def mentions(root: Path, names: Collection[str]) -> Mapping[str, Location]:
    """The first place of each name that stands somewhere as a word, whatever its case, ``-`` and ``_`` being the same.

    Python files, lists of dependencies, documentation, tests and what only continuous integration reads say nothing;
    neither does a line that installs something, a comment, or a section of another tool's settings. Files are looked at
    in the order of their paths; links are not followed; what cannot be read is left out.
    """
    wanted: dict[str, list[str]] = {}
    for name in names:
        wanted.setdefault(_normal(name), []).append(name)
    found: dict[str, Location] = {}
    for path in _files(root):
        if not wanted:
            break
        for number, line in texts.telling(path, _text(root / path)):
            for word in _words(line):
                for name in wanted.pop(word, ()):
                    found[name] = Location(shown(path), number)
    return {name: found[name] for name in sorted(found)}


def _normal(name: str) -> str:
    return _SEPARATORS.sub("-", name).lower()


def _words(line: str) -> Iterator[str]:
    """The words of a line, and of a dotted word each beginning: ``uvicorn.workers`` also says ``uvicorn``."""
    for match in _TOKEN.finditer(line):
        parts = match[0].rstrip("-.").split(".")
        for end in range(1, min(len(parts), 8) + 1):
            yield _normal(".".join(parts[:end]))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError:
        return ""
    if len(data) > MAX_BYTES or b"\0" in data:
        return ""
    return data.decode("utf-8", "replace")


def _files(root: Path) -> Iterator[str]:
    """The text files that may say something, in the order of their paths."""
    paths: list[str] = []
    waiting = [""]
    while waiting and len(paths) < MAX_FILES:
        folder = waiting.pop()
        try:
            with os.scandir(root / folder) as scan:
                entries = list(scan)
        except OSError:
            continue
        if folder and any(entry.name in _ENVIRONMENT for entry in entries):
            continue
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                if not _left_out(entry.name) and path.count("/") < MAX_DEPTH:
                    waiting.append(path)
            elif entry.is_file(follow_symlinks=False) and texts.may_tell(path):
                paths.append(path)
    yield from sorted(paths, key=lambda path: (path.count("/"), path))


def _left_out(name: str) -> bool:
    return name.startswith(".") or name in _FOLDERS or name in _TESTS or name.endswith((".egg-info", ".dist-info"))
