"""The content cache: blobs by digest, records by key, sealed folders by key.

A blob is verified once, when it enters, and trusted after that; `verify` hashes again. Everything is written under a
temporary name and renamed, so that a killed process leaves nothing half-written; two processes may share one cache.

Layout below the root::

    blobs/<2>/<62>           a blob, named by its sha256
    records/<kind>/<key>     a small JSON value
    folders/<kind>/<key>/    a sealed folder (an unpacked root, say)
    tmp/                     work in progress; swept when older than a day
    locks/                   one empty file per key being made
    in-use                   held, shared, by every process that uses the cache; prune wants it alone
    apt/<key>/               package lists of one Debian archive, apt's own; made again when they are gone
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from weakref import finalize

from slimtorch.errors import MachineError, VerificationError
from slimtorch.image.digest import BLOCK, Digest, canonical_json, from_hex, of_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STALE_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Cached:
    """One thing in the cache: its kind, its key, its size in bytes and when it was last used (seconds since 1970)."""

    kind: str
    key: str
    size: int
    used: float
    path: Path


class BlobWriter:
    """Takes the bytes of a new blob; hashes them as they pass."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._sha = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        """Appends `data`."""
        self._sha.update(data)
        self.size += len(data)
        return self._stream.write(data)

    @property
    def digest(self) -> Digest:
        """The digest of what was written so far."""
        return from_hex(self._sha.hexdigest())


class Cache:
    """Blobs, records and folders below `root`, which is made when first written to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._use: int | None = None

    # -- blobs ---------------------------------------------------------------------------------------------------

    def blob_path(self, digest: Digest) -> Path:
        """Where the blob is, or would be."""
        return self.root / "blobs" / digest.hex[:2] / digest.hex[2:]

    def blob(self, digest: Digest) -> Path | None:
        """The blob's file, or None. Looking counts as use."""
        path = self.blob_path(digest)
        self._enter()
        try:
            os.utime(path)
        except FileNotFoundError:
            return None
        return path

    @contextmanager
    def writer(self, expected: Digest | None = None, *, what: str = "blob") -> Iterator[BlobWriter]:
        """A writer whose bytes become a blob when the context ends well; nothing is kept otherwise.

        Raises:
            VerificationError: the digest is not `expected`; `what` names the thing in the message.
        """
        with self._temporary() as temporary:
            with temporary.open("xb") as stream:
                writer = BlobWriter(stream)
                yield writer
                stream.flush()
                # Else a power cut could leave the name without the bytes, and a blob is trusted by its name.
                os.fsync(stream.fileno())
            if expected is not None and writer.digest != expected:
                raise VerificationError(
                    f"{what} is not what was promised: expected {expected}, got {writer.digest}",
                    hint="the file was changed where it is served; lock again if that was meant",
                )
            _place(temporary, self.blob_path(writer.digest))

    def add_file(self, source: Path, expected: Digest, *, what: str) -> Path:
        """The blob with the bytes of `source`, verified on the way in."""
        with source.open("rb") as stream, self.writer(expected, what=what) as writer:
            shutil.copyfileobj(stream, writer, BLOCK)
        return self.blob_path(expected)

    # -- records -------------------------------------------------------------------------------------------------

    def record(self, kind: str, key: Digest) -> dict[str, Any] | None:
        """The JSON object kept under this key, or None; a damaged record counts as none."""
        path = self.root / "records" / kind / key.hex
        try:
            value: dict[str, Any] = json.loads(path.read_bytes())
            os.utime(path)
        except (FileNotFoundError, ValueError):
            return None
        return value

    def put_record(self, kind: str, key: Digest, value: Mapping[str, Any]) -> None:
        """Keeps a small JSON object under the key."""
        with self._temporary() as temporary:
            temporary.write_bytes(canonical_json(value))
            _place(temporary, self.root / "records" / kind / key.hex)

    # -- folders -------------------------------------------------------------------------------------------------

    def folder(self, kind: str, key: Digest, make: Callable[[Path], None]) -> Path:
        """The sealed folder under this key, made by `make` in a temporary place when it is not there yet."""
        target = self.root / "folders" / kind / key.hex
        self._enter()
        if not target.is_dir():
            with self.lock(f"{kind}-{key.hex}"):
                if not target.is_dir():
                    with self._temporary() as temporary:
                        temporary.mkdir()
                        make(temporary)
                        target.parent.mkdir(parents=True, exist_ok=True)
                        temporary.rename(target)
        os.utime(target)
        return target

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Lets one process at a time do the thing called `name`; the kernel frees the lock of a killed process."""
        path = self.root / "locks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder that is gone when the context ends."""
        with self._temporary() as temporary:
            temporary.mkdir()
            yield temporary

    # -- care ----------------------------------------------------------------------------------------------------

    def contents(self) -> Iterator[Cached]:
        """Everything in the cache, least recently used first."""
        found = [*self._files("blobs"), *self._files("records"), *self._folders("folders/*/*"), *self._folders("apt/*")]
        yield from sorted(found, key=lambda item: (item.used, item.key))

    def surplus(self, *, keep_bytes: int) -> list[Cached]:
        """The least recently used things that have to go until at most `keep_bytes` are left."""
        everything = list(self.contents())
        excess = sum(item.size for item in everything) - keep_bytes
        chosen = []
        for item in everything:
            if excess <= 0:
                break
            chosen.append(item)
            excess -= item.size
        return chosen

    def prune(self, *, keep_bytes: int) -> list[Cached]:
        """Removes the surplus; what was removed.

        Raises:
            MachineError: another process uses the cache.
        """
        with self._alone():
            doomed = self.surplus(keep_bytes=keep_bytes)
            for item in doomed:
                _remove(item.path, self._tmp())
        return doomed

    def verify(self) -> Iterator[Cached]:
        """Hashes every blob again; yields, and removes, those whose bytes are not what their name says."""
        self._enter()
        for item in self._files("blobs"):
            with item.path.open("rb") as stream:
                digest, _ = of_stream(stream)
            if digest.hex != item.key:
                item.path.unlink()
                yield item

    def _files(self, part: str) -> Iterator[Cached]:
        base = self.root / part
        for path in sorted(base.glob("*/*")):
            stat = path.stat()
            kind, key = ("blob", path.parent.name + path.name) if part == "blobs" else (path.parent.name, path.name)
            yield Cached(kind, key, stat.st_size, stat.st_mtime, path)

    def _folders(self, pattern: str) -> Iterator[Cached]:
        for path in sorted(self.root.glob(pattern)):
            size = sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
            yield Cached(path.parent.name, path.name, size, path.stat().st_mtime, path)

    def _tmp(self) -> Path:
        path = self.root / "tmp"
        self._enter()
        # Nobody else looks in here: foreign images are unpacked below it, with their owners and modes.
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def _enter(self) -> None:
        """Says, until this process ends, that the cache is in use, so that nobody prunes it meanwhile."""
        if self._use is None:
            self.root.mkdir(parents=True, exist_ok=True)
            self._use = os.open(self.root / "in-use", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            finalize(self, os.close, self._use)
            fcntl.flock(self._use, fcntl.LOCK_SH)
            _sweep(self.root / "tmp")
            with suppress(OSError):
                (self.root / "tmp").chmod(0o700)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._enter()
        assert self._use is not None  # noqa: S101  (opened by _enter)
        try:
            fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._use, fcntl.LOCK_SH)
            raise MachineError(
                f"another slimtorch is using the cache {self.root}", hint="prune it when that one has ended"
            ) from None
        try:
            yield
        finally:
            fcntl.flock(self._use, fcntl.LOCK_SH)

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        path = Path(tempfile.mktemp(dir=self._tmp()))  # noqa: S306  (a name of our own folder; opened with "x")
        try:
            yield path
        finally:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Removes what killed processes left behind, once it is old enough that nobody can still be writing it."""
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            if time.time() - path.lstat().st_mtime > STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()


def _place(temporary: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary.chmod(0o644)
    temporary.replace(target)


def _remove(path: Path, tmp: Path) -> None:
    """Out of sight by one rename, then deleted, so that nobody sees half a folder."""
    doomed = Path(tempfile.mktemp(dir=tmp))  # noqa: S306
    path.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True) if doomed.is_dir() else doomed.unlink()
