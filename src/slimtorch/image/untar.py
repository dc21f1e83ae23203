"""Hostile tars to checked members, in one pass. A name is checked once, here, when it enters."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from slimtorch.errors import ArchiveError
from slimtorch.image import ustar
from slimtorch.image.digest import BLOCK
from slimtorch.image.tree import Content, Entry, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from _typeshed import WriteableBuffer

_KINDS = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"7": Kind.FILE,
    b"1": Kind.HARDLINK,
    b"2": Kind.SYMLINK,
    b"5": Kind.DIRECTORY,
}
_DEVICES = frozenset((b"3", b"4", b"6"))
_MAX_EXTENDED = 1 << 20
_MAX_COMPONENT = 255
MAX_DEPTH = 256
"""Folders within folders; honest trees stay far below, and removing a deeper one may exhaust the stack."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a hostile archive may cost: entries, bytes of all files together, bytes of one name."""

    entries: int = 1_000_000
    total: int = 1 << 36
    name: int = 4096


@dataclass(frozen=True, slots=True)
class Member:
    """One checked member. `data` is good until the next member is asked for; `offset` is where it starts in the tar.

    `start` is where the member's headers start there, extended ones included.
    """

    path: str
    kind: Kind
    mode: int
    uid: int
    gid: int
    link: str
    size: int
    offset: int
    data: BinaryIO = field(compare=False, repr=False)
    start: int = field(default=0, compare=False)

    def entry(self, owner: str, content: Content | None = None) -> Entry:
        """The member as an entry of a tree."""
        return Entry(self.path, self.kind, self.mode, owner, self.uid, self.gid, self.link, content)


DEFAULT_LIMITS = Limits()


def read(
    stream: BinaryIO,
    what: str,
    *,
    limits: Limits = DEFAULT_LIMITS,
    devices: Literal["refuse", "skip"] = "refuse",
) -> Iterator[Member]:
    """The members of an uncompressed tar, in order, reading the stream once; the root's own entry is left out.

    A path is relative, without ``.`` or ``..``, and so is a hard link's target. `what` names the archive in messages.

    Raises:
        ArchiveError: the archive is cut short, damaged or hostile.
    """
    source = _Source(stream, what)
    total = 0
    for number, (start, header) in enumerate(_headers(source)):
        if header.type in _DEVICES and devices == "skip":
            continue
        member = _member(header, start, source, limits)
        total += member.size
        if number >= limits.entries or total > limits.total:
            raise ArchiveError(f"{what} unpacks to more than {limits.entries} entries or {limits.total} bytes")
        if member.path:
            yield member
        source.skip_to(member.offset + member.size + ustar.padding(member.size))


def _headers(source: _Source) -> Iterator[tuple[int, ustar.Header]]:
    """Headers with their extended headers applied, and where they start, up to the end mark."""
    extended: dict[bytes, bytes] = {}
    start = 0
    while (block := source.exact(ustar.BLOCK_SIZE)) != ustar.ZERO_BLOCK:
        try:
            header = _header(block, source, extended)
        except ArchiveError as error:
            raise ArchiveError(source.says(error.message)) from None
        if header:
            yield start, header
            extended = {}
        if not extended:
            start = source.position


def _header(block: bytes, source: _Source, extended: dict[bytes, bytes]) -> ustar.Header | None:
    """The member's header, or None where the block only extends the next one."""
    header = ustar.decode(block)
    if header.type == b"x":
        extended |= ustar.decode_pax(source.extended(header.size))
    elif header.type == b"g":
        _check_global(ustar.decode_pax(source.extended(header.size)))
    elif header.type in {b"L", b"K"}:
        key = b"path" if header.type == b"L" else b"linkpath"
        extended[key] = source.extended(header.size).rstrip(b"\0")
    else:
        return ustar.apply_pax(header, extended)
    return None


def _check_global(records: Mapping[bytes, bytes]) -> None:
    if {b"path", b"linkpath", b"size"} & records.keys():
        raise ArchiveError("a global header renames every member")


def _member(header: ustar.Header, start: int, source: _Source, limits: Limits) -> Member:
    kind = _KINDS.get(header.type)
    if kind is None:
        shown = header.name.decode(errors="replace")[:200]
        raise ArchiveError(
            source.says(f"{shown!r} is a device, a pipe or of an unknown type ({header.type!r})"),
            hint="only files, directories and links belong into an image",
        )
    # Before POSIX a directory was a file whose name ends in a slash.
    if kind is Kind.FILE and header.name.endswith(b"/"):
        kind = Kind.DIRECTORY
    path = _checked(header.name, source, limits)
    if not path and kind is not Kind.DIRECTORY:
        raise ArchiveError(source.says(f"the root itself is a {kind}"))
    link = _link(header.link, kind, source, limits)
    size = header.size if kind is Kind.FILE else 0
    data = cast("BinaryIO", _Data(source, source.position, size))
    return Member(path, kind, header.mode, header.uid, header.gid, link, size, source.position, data, start)


def _link(raw: bytes, kind: Kind, source: _Source, limits: Limits) -> str:
    if kind is Kind.HARDLINK:
        if target := _checked(raw, source, limits):
            return target
        raise ArchiveError(source.says("a hard link leads to the root"))
    if kind is Kind.SYMLINK:
        if target := _decoded(raw, source, limits):
            return target
        raise ArchiveError(source.says("a symbolic link leads nowhere"))
    return ""


def _decoded(raw: bytes, source: _Source, limits: Limits) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise ArchiveError(source.says(f"the name {raw[:200]!r} is not UTF-8")) from None
    if len(raw) > limits.name or "\0" in text:
        raise ArchiveError(source.says(f"the name {text[:80]!r}… is longer than {limits.name} bytes, or holds a zero"))
    return text


def _checked(raw: bytes, source: _Source, limits: Limits) -> str:
    """The path without ``.`` and doubled slashes; '' is the root."""
    text = _decoded(raw, source, limits)
    parts = [part for part in text.split("/") if part not in {"", "."}]
    if text.startswith("/") or ".." in parts:
        raise ArchiveError(
            source.says(f"{text!r} leads out of the tree"), hint="the archive is hostile or damaged; get it again"
        )
    if any(len(part.encode()) > _MAX_COMPONENT for part in parts):
        raise ArchiveError(source.says(f"a part of {text[:80]!r}… is longer than {_MAX_COMPONENT} bytes"))
    if len(parts) > MAX_DEPTH:
        raise ArchiveError(source.says(f"{text[:80]!r}… is deeper than {MAX_DEPTH} folders"))
    return "/".join(parts)


class _Source:
    """The tar's bytes with their position, in exact pieces."""

    def __init__(self, stream: BinaryIO, what: str) -> None:
        self._stream = stream
        self._what = what
        self._seekable = stream.seekable()
        self.position = 0

    def says(self, problem: str) -> str:
        return f"{self._what}: {problem}"

    def some(self, size: int) -> bytes:
        """Between 1 and `size` bytes."""
        data = self._stream.read(size)
        if not data:
            raise ArchiveError(
                self.says(f"the archive is cut short after {self.position} bytes"),
                hint="it was not downloaded or written to its end; get it again",
            )
        self.position += len(data)
        return data

    def exact(self, size: int) -> bytes:
        data = self.some(size)
        while len(data) < size:
            data += self.some(size - len(data))
        return data

    def skip_to(self, position: int) -> None:
        if self._seekable and position - self.position > BLOCK:
            # Past the end this goes unnoticed here, and then the next header is missing.
            self._stream.seek(position - self.position, io.SEEK_CUR)
            self.position = position
        while self.position < position:
            self.some(min(position - self.position, BLOCK))

    def extended(self, size: int) -> bytes:
        if not 0 < size <= _MAX_EXTENDED:
            raise ArchiveError(f"an extended header of {size} bytes")
        data = self.exact(size)
        self.skip_to(self.position + ustar.padding(size))
        return data


class _Data(io.RawIOBase):
    """One member's bytes, read from the source as they pass."""

    def __init__(self, source: _Source, start: int, size: int) -> None:
        self._source = source
        self._at = start
        self._end = start + size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        left = self._end - self._at
        if self._source.position != self._at:
            raise ValueError("a member was read after the next one was asked for")
        wanted = left if size < 0 else min(size, left)
        data = self._source.exact(wanted) if wanted else b""
        self._at += len(data)
        return data

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)
