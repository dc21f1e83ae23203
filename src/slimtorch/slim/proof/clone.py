"""A second tree that differs in a few files: everything else is hard links, so it costs names and no bytes.

Only in a lower layer of an overlay a hard link costs the file (the kernel copies it up, for good), so that there copies
are made instead, which are gone after.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP})


@contextmanager
def of(root: Path, changed: Mapping[str, Path | None]) -> Iterator[Path]:
    """A clone of the tree at `root` beside it, removed when the block ends.

    `changed` gives, by path relative to `root`, the file to stand there instead, or None for nothing; folders that
    become empty by it go too.
    """
    parent = root.absolute().parent
    with tempfile.TemporaryDirectory(prefix=".slimtorch-after-", dir=parent, ignore_cleanup_errors=True) as made:
        target = Path(made, root.name or "root")
        make(root, target, changed)
        yield target


def make(root: Path, target: Path, changed: Mapping[str, Path | None], *, links: bool = True) -> None:
    """The clone at `target`, which must not exist yet and should be on the same file system; copies without `links`.

    Raises:
        OSError: the disk is full, or the tree cannot be read.
    """
    target.mkdir(parents=True)
    shutil.copystat(root, target)
    _fill((str(root), str(target), ""), changed, _link if links else _copy)
    for path, new in changed.items():
        place = target / path
        if new is not None and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            _link(str(new), str(place))


def _fill(folder: tuple[str, str, str], changed: Mapping[str, Path | None], put: Callable[[str, str], object]) -> bool:
    """Whether anything stands in the folder, given as source, target and prefix; False where all of it was removed."""
    source, target, prefix = folder
    kept = removed = 0
    with os.scandir(source) as entries:
        for entry in entries:
            path, place = prefix + entry.name, f"{target}/{entry.name}"
            if path in changed and not (new := changed[path]):
                removed += 1
                continue
            kept += 1
            if entry.is_dir(follow_symlinks=False):
                os.mkdir(place)  # noqa: PTH102  (tens of thousands of times)
                if _fill((entry.path, place, f"{path}/"), changed, put):
                    _like(entry.path, place)
                else:
                    os.rmdir(place)  # noqa: PTH106
                    kept, removed = kept - 1, removed + 1
            else:
                put(str(new) if path in changed else entry.path, place)
    return kept > 0 or removed == 0


def _like(source: str, target: str) -> None:
    status = os.stat(source)  # noqa: PTH116
    if os.geteuid() == 0:
        os.chown(target, status.st_uid, status.st_gid)
    shutil.copystat(source, target)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _copy(source, target)


def _copy(source: str, target: str) -> None:
    shutil.copy2(source, target, follow_symlinks=False)
