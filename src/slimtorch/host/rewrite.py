"""Several small files written so that either all are new or all are as they were."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Mapping


def rewrite(files: Mapping[Path, bytes], mode: Mapping[Path, int] | None = None) -> None:
    """Writes every file under a temporary name beside it, then renames all; a failure puts back what was there.

    A file that exists keeps its mode, a new one gets that of `mode`, else what the process's umask leaves. A link is
    followed: the file that it leads to is written.

    Raises:
        MachineError: a folder cannot be written to, or the disk is full; nothing has changed then.
    """
    targets = {Path(os.path.realpath(path)): data for path, data in files.items()}
    modes = {Path(os.path.realpath(path)): bits for path, bits in (mode or {}).items()}
    before = {path: _content(path) for path in targets}
    temporary: dict[Path, Path] = {}
    done: list[Path] = []
    try:
        for path, data in targets.items():
            temporary[path] = _beside(path, data, modes.get(path))
        for path, name in temporary.items():
            name.replace(path)
            done.append(path)
    except OSError as error:
        _restore({path: before[path] for path in done})
        place = error.filename2 or error.filename or next(iter(files))
        raise MachineError(f"{_named(place)} cannot be written: {error.strerror}", hint="nothing was changed") from None
    finally:
        for name in temporary.values():
            name.unlink(missing_ok=True)


def _beside(path: Path, data: bytes, mode: int | None) -> Path:
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~_umask() if mode is None else mode)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _umask() -> int:
    os.umask(mask := os.umask(0o077))
    return mask


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _restore(before: Mapping[Path, bytes | None]) -> None:
    for path, data in before.items():
        with suppress(OSError):
            if data is None:
                path.unlink(missing_ok=True)
            else:
                _beside(path, data, None).replace(path)


def _named(place: object) -> str:
    """The folder, where the file's temporary name says nothing to a user."""
    path = Path(str(place))
    return str(path.parent) if path.name.startswith(".") else str(path)
