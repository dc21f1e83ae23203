"""Writing files that are whole or not there."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from slimtorch.errors import MachineError
from slimtorch.image.digest import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slimtorch.image.tar import Writable

_STALE_SECONDS = 24 * 3600


@contextmanager
def whole(target: Path, *, folder: Path | None = None) -> Iterator[BinaryIO]:
    """A new file that takes `target`'s name once the context has ended well, and is gone otherwise.

    Until then it stands in `folder`, on the same file system, or beside the target.
    """
    temporary = beside(folder / target.name if folder else target)
    try:
        with temporary.open("xb") as stream:
            yield stream
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def beside(target: Path) -> Path:
    """A name that nobody has, in the same folder."""
    return target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.tmp")


def sweep(folder: Path) -> None:
    """Removes what killed writers left in the folder more than a day ago."""
    for path in folder.glob(".*.tmp"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()


def copy(source: BinaryIO, target: BinaryIO) -> None:
    """Copies what is left in `source`; shares the blocks on file systems that can, and never links."""
    try:
        descriptor = source.fileno()
    except OSError:  # not a file: io.UnsupportedOperation
        shutil.copyfileobj(source, target, BLOCK)
        return
    target.flush()
    try:
        while os.copy_file_range(descriptor, target.fileno(), 1 << 30):
            pass
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}:
            raise
        target.seek(0, os.SEEK_END)
        shutil.copyfileobj(source, target, BLOCK)


def pour(source: BinaryIO, target: Writable) -> None:
    """Writes what is left in `source` to `target`."""
    while block := source.read(BLOCK):
        target.write(block)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turns the system's refusals (full disk, no permission …) into an error that names `what`.

    Raises:
        MachineError: the system refused.
    """
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        place = f": {error.filename}" if error.filename else ""
        raise MachineError(
            f"{what} cannot be used: {error.strerror or error}{place}",
            hint="free some space, or choose another place" if full else "choose a place that you may write to",
        ) from error
