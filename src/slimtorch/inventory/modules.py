"""From the names of a wheel's files to the modules that can be imported from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LEVELS, DEEPEST = 3, 8
_MEANINGLESS = frozenset(("tests", "test", "docs", "example", "examples", "benchmarks", "conftest", "setup"))
"""What careless wheels put at the top of site-packages; nobody who imports such a name means them."""
# PEP 3149: module.cpython-311-x86_64-linux-gnu.so, module.abi3.so, module.so
_SUFFIX = re.compile(r"(?:\.py|(?:\.(?:cpython-|pypy|graalpy|cp|pp|abi)\d[\w-]*)?\.so)\Z")
_SCHEMES = frozenset(("purelib", "platlib"))


@dataclass(frozen=True, slots=True)
class Modules:
    """Dotted names: of all modules, and of those among them that are namespaces (PEP 420)."""

    names: frozenset[str]
    namespaces: frozenset[str]


def of_files(files: Iterable[str]) -> Modules:
    """The modules in these files of a wheel (PEP 427), down to three levels, deeper to reach a regular package.

    A package is a folder that holds Python or extension modules, directly or below.
    """
    placed = [parts for name in files if (parts := _in_site_packages(name)) and _importable(parts)]
    regular = {parts[:-1] for parts in placed if parts[-1] == "__init__"}
    names: set[tuple[str, ...]] = set()
    namespaces: set[tuple[str, ...]] = set()
    for parts in placed:
        path = parts[:-1] if parts[-1] in {"__init__", "__main__"} else parts
        first = _first_regular(path, regular)
        depth = max(LEVELS, min(first or len(path), DEEPEST))
        names.update(path[:level] for level in range(1, min(len(path), depth) + 1))
        folders = len(path) if parts[-1] == "__main__" else len(path) - 1
        namespaces.update(path[:level] for level in range(1, min(first - 1 if first else folders, depth) + 1))
    return Modules(_dotted(names), _dotted(namespaces - set(placed)))


def _in_site_packages(name: str) -> tuple[str, ...]:
    """The file's dotted path as parts, without its suffix; empty where it is no module at all."""
    parts = name.split("/")
    if parts[0].endswith(".data") and len(parts) > 2 and parts[1] in _SCHEMES:
        parts = parts[2:]
    stem, found = _SUFFIX.subn("", parts[-1])
    return (*parts[:-1], stem) if found else ()


def _importable(parts: tuple[str, ...]) -> bool:
    return parts[0] not in _MEANINGLESS and "__pycache__" not in parts and all(part.isidentifier() for part in parts)


def _first_regular(path: tuple[str, ...], regular: set[tuple[str, ...]]) -> int:
    """The level of the outermost regular package on the way, from 1; 0 where there is none that counts."""
    return next((level for level in range(1, min(len(path), DEEPEST) + 1) if path[:level] in regular), 0)


def _dotted(paths: Iterable[tuple[str, ...]]) -> frozenset[str]:
    return frozenset(".".join(path) for path in paths)
