"""A root file system as mounts: what stands at the top is bound read-only below a new, empty root.

The given root is never written to, not even for a missing mount point: it may be a sealed folder of the cache.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

MADE = frozenset({"proc", "dev", "sys"})
"""Names at the top that the engine makes itself."""


@dataclass(frozen=True, slots=True)
class Layout:
    """`links` (path, target) and `binds` (path in the container, path on this machine, whether a directory)."""

    links: tuple[tuple[str, str], ...]
    binds: tuple[tuple[str, str, bool], ...]


def of_root(root: Path, writable: tuple[str, ...]) -> Layout:
    """How to show `root` below an empty directory; `writable` paths and /proc, /dev, /sys are left out."""
    links: list[tuple[str, str]] = []
    binds: list[tuple[str, str, bool]] = []
    for entry in sorted(os.scandir(root), key=lambda entry: entry.name):
        path = f"/{entry.name}"
        if entry.name in MADE or path in writable:
            continue
        if entry.is_symlink():
            links.append((path, str(Path(entry.path).readlink())))
        elif entry.is_dir() or entry.is_file():
            binds.append((path, entry.path, entry.is_dir()))
    return Layout(tuple(links), tuple(binds))
