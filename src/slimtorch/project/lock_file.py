"""``slimtorch.lock`` on the disk: read, write, and whether it is out of date. Its text is in `lock_text`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.errors import LockError
from slimtorch.project import lock_parse
from slimtorch.project.config.inputs import config_digest, inputs
from slimtorch.project.lock_text import emit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.image.digest import Digest
    from slimtorch.project.lock import Lock
    from slimtorch.project.model import Project

NAME = "slimtorch.lock"
LARGEST = 32_000_000
"""Bytes of a lock file; a thousand packages take 300 kB."""

__all__ = ["NAME", "check_fresh", "emit", "parse", "read", "write"]


def parse(text: str, path: Path = Path(NAME)) -> Lock:
    """The lock written in `text`; `path` is what messages call it.

    Raises:
        LockError: it is damaged, or of a format that this version does not know.
    """
    return lock_parse.parse(text, path)


def read(path: Path) -> Lock:
    """The lock in the file.

    Raises:
        LockError: there is no such file, or it is damaged.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise LockError(f"{path} is larger than {LARGEST} bytes", hint=lock_parse.AGAIN)
        return parse(path.read_text("utf-8"), path)
    except FileNotFoundError:
        raise LockError(f"there is no {path}", hint="run `slimtorch lock` to write it") from None
    except UnicodeDecodeError:
        raise LockError(f"{path} is damaged: not UTF-8 text", hint=lock_parse.AGAIN) from None
    except OSError as error:
        raise LockError(f"{path} cannot be read: {error.strerror}") from None


def write(path: Path, lock: Lock) -> None:
    """Writes the lock so that a reader sees the old file or the new one; an existing file keeps its mode.

    Raises:
        LockError: the folder cannot be written to, or the disk is full.
    """
    temporary = ""
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(emit(lock))
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise LockError(f"{path} cannot be written: {error.strerror}") from None


def check_fresh(lock: Lock, project: Project, path: Path = Path(NAME)) -> None:
    """Nothing, where the lock is what this project would be resolved to.

    Raises:
        LockError: it was made for another intent; the message says which part changed.
    """
    what = ""
    if lock.config_digest != config_digest(project):
        what = _changes(lock.inputs, inputs(project))
    elif missing := [name for name in project.platforms if name not in lock.platforms]:
        what = f"it has nothing for {', '.join(missing)}"
    if what:
        raise LockError(f"{path} is out of date: {what}", hint="run `slimtorch lock`")


def _changes(old: Mapping[str, Digest], new: Mapping[str, Digest]) -> str:
    changed = [f"{name} changed" for name in new if name in old and old[name] != new[name]]
    added = [f"{name} is new" for name in new if name not in old]
    gone = [f"{name} is no longer used" for name in old if name not in new]
    return ", ".join(changed + added + gone) if old else "the configuration changed"
