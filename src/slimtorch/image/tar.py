"""Tar archives: trees to deterministic bytes, and hostile bytes to checked members.

Written: POSIX ustar, pax records only where a value does not fit, no user names, one time for all. Read: ustar, pax and
GNU tar. A name is checked once, here, when it enters.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Protocol

from slimtorch.errors import ArchiveError, VerificationError
from slimtorch.image import ustar
from slimtorch.image.digest import BLOCK, Digest
from slimtorch.image.slices import open_slice
from slimtorch.image.tree import Content, Entry, FileTree, Kind
from slimtorch.image.untar import DEFAULT_LIMITS, Limits, Member, read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["DEFAULT_LIMITS", "Limits", "Member", "Writable", "index", "read", "write"]

_TYPES = {
    Kind.FILE: ustar.FILE,
    Kind.DIRECTORY: ustar.DIRECTORY,
    Kind.SYMLINK: ustar.SYMLINK,
    Kind.HARDLINK: ustar.HARDLINK,
}


class Writable(Protocol):
    """Anything that takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Takes all of `data`."""
        ...


# -- writing -----------------------------------------------------------------------------------------------------


def write(
    tree: FileTree,
    out: Writable,
    *,
    mtime: int = 0,
    on_bytes: Callable[[int], None] | None = None,
    verify: bool = True,
) -> None:
    """Writes the tree as a tar; equal trees and times give equal bytes.

    Entries come in path order, so a parent comes first; hard links come last, so their targets stand already. `mtime`
    is in seconds since 1970; `on_bytes` is told the bytes written since it was last called. Without `verify`, only
    sizes are checked: for contents that were verified when they entered.

    Raises:
        VerificationError: a file's bytes are not the ones its `Content` promises.
    """
    batch = _Batch(out, on_bytes)
    for entry in tree.entries():
        if entry.kind is not Kind.HARDLINK:
            batch.add(header(entry, entry.link, mtime))
            if entry.content:
                _copy(entry, entry.content, batch, verify=verify)
    for entry in tree.entries():
        if entry.kind is Kind.HARDLINK:
            batch.add(header(entry, _target(tree, entry), mtime))
    batch.add(ustar.END)
    batch.flush()


class _Batch:
    """Gathers small pieces, so that hashing and compressing see large ones."""

    def __init__(self, out: Writable, on_bytes: Callable[[int], None] | None) -> None:
        self._out = out
        self._on_bytes = on_bytes
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._size >= BLOCK:
            self.flush()

    def flush(self) -> None:
        if self._size >= BLOCK and len(self._pieces) == 1:
            self._out.write(self._pieces[0])
        else:
            self._out.write(b"".join(self._pieces))
        if self._on_bytes:
            self._on_bytes(self._size)
        self._pieces, self._size = [], 0


def header(entry: Entry, link: str, mtime: int) -> bytes:
    """The entry's header blocks; `link` is what it leads to, `mtime` in seconds since 1970."""
    name = entry.path + "/" if entry.kind is Kind.DIRECTORY else entry.path
    fields = ustar.Header(
        _encoded(name),
        entry.mode & 0o7777,
        entry.uid,
        entry.gid,
        entry.size,
        _TYPES[entry.kind],
        _encoded(link),
    )
    return ustar.encode(fields, mtime)


def _encoded(name: str) -> bytes:
    # Not the locale's encoding: the same tree gives the same bytes everywhere.
    return name.encode(errors="surrogateescape")


def _target(tree: FileTree, entry: Entry) -> str:
    """The file that a hard link names in the end: a link to a link might come before it."""
    link = entry.link
    for _ in range(len(tree)):
        target = tree.get(link)
        if target is None or target.kind is not Kind.HARDLINK:
            return link
        link = target.link
    raise ArchiveError(f"the hard link /{entry.path} ({entry.owner}) leads to itself")


def _copy(entry: Entry, content: Content, batch: _Batch, *, verify: bool) -> None:
    sha = hashlib.sha256()
    left = content.size
    with content.open() as stream:
        # One byte more than promised is asked for, so that a longer file is seen.
        while data := stream.read(min(left + 1, BLOCK)):
            left -= len(data)
            if left < 0:
                raise _changed(entry, "is longer than promised")
            if verify:
                sha.update(data)
            batch.add(data)
    if left:
        raise _changed(entry, f"is {left} bytes shorter than promised")
    if verify and sha.hexdigest() != content.digest[7:]:
        raise _changed(entry, f"is not what was promised: expected {content.digest}, got sha256:{sha.hexdigest()}")
    if pad := -content.size % ustar.BLOCK_SIZE:
        batch.add(bytes(pad))


def _changed(entry: Entry, what: str) -> VerificationError:
    return VerificationError(
        f"/{entry.path} ({entry.owner}) {what}",
        hint="it changed while it was read, its package's own list (RECORD) is wrong, or the cache is damaged",
    )


# -- reading -----------------------------------------------------------------------------------------------------


def index(path: Path, owner: str, *, limits: Limits = DEFAULT_LIMITS) -> FileTree:
    """The tree in an uncompressed tar file, every entry brought by `owner`; contents are read from the file in place.

    Raises:
        ArchiveError: the archive is cut short, damaged or hostile, or one entry stands below another's file or link.
    """
    found: dict[str, Entry] = {}
    with path.open("rb") as stream:
        for member in read(stream, owner, limits=limits):
            content = None
            if member.kind is Kind.FILE:
                sha = hashlib.sha256()
                while block := member.data.read(BLOCK):
                    sha.update(block)
                opener = partial(open_slice, path, member.offset, member.size)
                content = Content(member.size, Digest("sha256:" + sha.hexdigest()), opener)
            found[member.path] = member.entry(owner, content)
    _check_shape(found, owner)
    return FileTree(found.values())


def _check_shape(found: Mapping[str, Entry], what: str) -> None:
    for path, entry in found.items():
        parent = found.get(path.rpartition("/")[0])
        if parent and parent.kind is not Kind.DIRECTORY:
            raise ArchiveError(f"{what} holds {path!r} below the {parent.kind} {parent.path!r}")
        if entry.kind is Kind.HARDLINK and (target := found.get(entry.link)) and target.kind is Kind.DIRECTORY:
            raise ArchiveError(f"{what} holds a hard link {path!r} to the directory {entry.link!r}")
