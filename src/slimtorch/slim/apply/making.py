"""One library made anew: read while nobody changes it, written elsewhere, proven; the original's owner and mode."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slimtorch.elf import stub as stand_ins
from slimtorch.elf.reading import OpenFile, opened
from slimtorch.elf.splice import Splice, Spliced
from slimtorch.errors import ElfError
from slimtorch.image.digest import Digest, of_stream
from slimtorch.slim import recipe
from slimtorch.slim.apply import savings
from slimtorch.slim.model import Note, Trim
from slimtorch.slim.proof import static
from slimtorch.slim.trimming import Trimmed, trim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from slimtorch.host.progress import Task
    from slimtorch.slim.model import Saving, Stub, Subject

CHANGED = "it changed while it was read"
WORKERS = 2


class ChangedError(Exception):
    """Somebody else writes to the file."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What tells whether a file is still the one that was read; `names` is how many it has."""

    inode: int
    size: int
    modified: int
    names: int


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one edit. Without `digest` nothing was written: there is nothing to gain, or `note` says why.

    `failures` are (pass, path, what was found); `uncovered` is set where a GPU has no code in the library.
    """

    path: str
    savings: tuple[Saving, ...] = ()
    note: Note | None = None
    mark: Mark | None = None
    digest: Digest | None = None
    failures: tuple[tuple[str, str, str], ...] = ()
    uncovered: Trimmed | None = None


def mark(status: os.stat_result) -> Mark:
    """The mark of a file."""
    return Mark(status.st_ino, status.st_size, status.st_mtime_ns, status.st_nlink)


def library(root: Path, subject: Subject, edit: Trim | Stub, target: Path | None) -> Made:
    """The new file at `target`, proven; without a target the proof is of what would be written.

    Raises:
        OSError: the disk is full, or the system refuses something else.
    """
    try:
        with _steady(root / edit.path, subject.files[edit.path].size) as (source, found):
            made = (
                _trimmed(subject, edit, source, target)
                if isinstance(edit, Trim)
                else _stubbed(subject, edit, source, target)
            )
            return replace(made, mark=found)
    except (ChangedError, EOFError):
        return _failed(edit, (CHANGED,))


def libraries(
    root: Path, subject: Subject, edits: Mapping[str, Trim | Stub], targets: Mapping[str, Path | None], task: Task
) -> dict[str, Made]:
    """What becomes of each library, by the path of `edits`, in their order; the largest are begun first.

    Raises:
        OSError: the disk is full, or the system refuses something else; what was not begun is given up.
    """

    def one(path: str) -> Made:
        made = library(root, subject, edits[path], targets[path])
        task.advance(subject.files[path].size)
        return made

    with ThreadPoolExecutor(WORKERS) as pool:
        running = {path: pool.submit(one, path) for path in sorted(edits, key=lambda path: -subject.files[path].size)}
        try:
            return {path: running[path].result() for path in edits}
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


@contextmanager
def _steady(path: Path, size: int) -> Iterator[tuple[OpenFile, Mark]]:
    with opened(path) as source:
        before = mark(os.fstat(source.descriptor))
        if before.size != size:
            raise ChangedError
        yield source, before
        if not mark(os.fstat(source.descriptor)) == mark(os.lstat(path)) == before:
            raise ChangedError


def _trimmed(subject: Subject, edit: Trim, source: OpenFile, target: Path | None) -> Made:
    found = trim(source, edit)
    note = Note(edit.path, found.note) if found.note else None
    if found.uncovered:
        return Made(edit.path, note=note, uncovered=found)
    if found.splice is None:
        return Made(edit.path, note=note)
    lines = tuple(savings.trimmed(subject, edit, found.saved, static.proofs(edit)))
    return _written(Made(edit.path, lines, note), edit, source, found.splice, target)


def _stubbed(subject: Subject, edit: Stub, source: OpenFile, target: Path | None) -> Made:
    try:
        data = stand_ins.make(source, edit.setting)
    except ElfError as error:
        return Made(edit.path, note=Note(edit.path, f"no stand-in: {error.message}"))
    lines = (savings.stubbed(subject, edit, len(data), static.proofs(edit)),)
    return _written(Made(edit.path, lines), edit, source, Splice((data,)), target)


def _written(made: Made, edit: Trim | Stub, source: OpenFile, splice: Splice, target: Path | None) -> Made:
    if target is None:
        found = static.complaints(source, Spliced(source, splice), edit)
        return _unproven(edit, source, found) if found else made
    _write(splice, source, target)
    with opened(target) as result:
        if found := static.complaints(source, result, edit):
            target.unlink()
            return _unproven(edit, source, found)
        like(source.descriptor, result.descriptor)
    with target.open("rb") as stream:
        digest, size = of_stream(stream)
    return replace(made, digest=digest) if size == splice.size else _failed(edit, ("its size is not what was planned",))


def _write(splice: Splice, source: OpenFile, target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        splice.write(source.descriptor, descriptor)
    finally:
        os.close(descriptor)


def like(original: int, made: int) -> None:
    """Gives one open file the owner, mode and extended attributes of another.

    Raises:
        PermissionError: it belongs to somebody else, and we may not give it to them.
    """
    status = os.fstat(original)
    own = os.fstat(made)
    if (own.st_uid, own.st_gid) != (status.st_uid, status.st_gid):
        os.fchown(made, status.st_uid, status.st_gid)
    with suppress(OSError):  # Not every file system has them, and some only the kernel sets.
        for name in os.listxattr(original):
            with suppress(OSError):
                os.setxattr(made, name, os.getxattr(original, name))
    os.fchmod(made, status.st_mode & 0o7777)


def _unproven(edit: Trim | Stub, source: OpenFile, found: tuple[str, ...]) -> Made:
    """A failure, unless the original does not even agree with itself: then it is damaged, and stays as it is."""
    damage = static.complaints(source, source, edit) if isinstance(edit, Trim) else ()
    if damage:
        return Made(edit.path, note=Note(edit.path, f"left as it is: {damage[0]}"))
    return _failed(edit, found)


def _failed(edit: Trim | Stub, found: tuple[str, ...]) -> Made:
    passes = " and ".join(recipe.passes_of(edit))
    return Made(edit.path, failures=tuple((passes, edit.path, text) for text in found))
