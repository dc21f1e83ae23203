"""Whether a folder's files stand in an image layer below the one that is being written: then slimming adds bytes.

The kernel does not tell a process in a container which layer a file is in. What tells it is time: in a container's
writable layer nothing is older than the container. So this is a good guess: it decides about a warning, and whether the
tree that is tried is made of copies or of hard links.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

OVERLAYS = frozenset({"overlay", "fuse.fuse-overlayfs", "aufs"})
SLACK = 2.0
"""Seconds that the clocks of a file system and of the process table may differ."""


def holds(root: Path, paths: Iterable[str], proc: Path = Path("/proc")) -> bool:
    """Whether most bytes of these files, relative to `root`, were there before the container was started."""
    started = _started(proc) if _file_system(root, proc) in OVERLAYS else None
    if started is None:
        return False
    older = total = 0
    for path in paths:
        try:
            status = (root / path).lstat()
        except OSError:
            continue
        total += status.st_size
        older += status.st_size if status.st_ctime < started - SLACK else 0
    return older * 2 > total


def _file_system(root: Path, proc: Path) -> str:
    """The type of the file system at `root` (proc(5), mountinfo); '' where that cannot be told."""
    found, longest = "", -1
    try:
        lines = (proc / "self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")[0]
        if len(fields) < 5:
            continue
        point = fields[4].replace("\\040", " ")
        # Of two on the same place the later one covers the other.
        if root.is_relative_to(point) and len(point) >= longest:
            found, longest = kind, len(point)
    return found


def _started(proc: Path) -> float | None:
    """When the container's first process was started (seconds since 1970); None where that cannot be told."""
    try:
        boot = next(line for line in (proc / "stat").read_text().splitlines() if line.startswith("btime "))
        # The name, in parentheses, may hold anything; after it, starttime is field 22 (proc(5)).
        ticks = (proc / "1/stat").read_text().rpartition(")")[2].split()[19]
        return float(boot.split()[1]) + float(ticks) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, StopIteration):
        return None
