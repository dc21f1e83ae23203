"""Which files of a folder are read, told by their access times, where the kernel tells nobody directly.

A file system mounted with ``relatime`` (the default) writes the time of the first read after a change (mount(8)), so
every file's access time is set long back before. A file that is only opened is not seen; nor does a read-only mount
write times.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from slimtorch.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Iterator

BEFORE = 1_000_000_000
"""One second after 1970, in nanoseconds."""


class AccessTimes:
    """Watches the folder `root`, whose files are ours to touch; `touched` says what was read, by relative path.

    Raises:
        MachineError: on entry, the file system does not keep access times (``noatime``), or they cannot be set.
    """

    method = "access times"
    needs_writable_root = True

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        try:
            self._try()
            for entry in _files(self._root):
                _set_back(entry.path, entry.stat(follow_symlinks=False).st_mtime_ns)
        except OSError as error:
            raise MachineError(f"access times cannot be set in {self._root}: {error.strerror}") from None
        return self

    def __exit__(self, *exc: object) -> None:
        found = (entry for entry in _files(self._root) if entry.stat(follow_symlinks=False).st_atime_ns > BEFORE)
        self._read = frozenset(os.path.relpath(entry.path, self._root) for entry in found)

    def touched(self) -> frozenset[str]:
        """The paths that were read; good once the context has ended."""
        return self._read

    def _try(self) -> None:
        """Reads a file and expects its time to change."""
        with tempfile.NamedTemporaryFile(dir=self._root) as file:
            file.write(b"x")
            file.flush()
            _set_back(file.name, os.stat(file.name).st_mtime_ns)  # noqa: PTH116
            Path(file.name).read_bytes()
            if os.stat(file.name).st_atime_ns <= BEFORE:  # noqa: PTH116
                raise MachineError(
                    "this file system keeps no access times (noatime)", hint="use --cache-dir on another file system"
                )


def _set_back(path: str, changed: int) -> None:
    os.utime(path, ns=(BEFORE, max(changed, 2 * BEFORE)), follow_symlinks=False)


def _files(root: Path) -> Iterator[os.DirEntry[str]]:
    """Every file below, links not followed."""
    folders = [str(root)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    yield entry
