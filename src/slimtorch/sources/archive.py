"""Zip archives, read as hostile: the directory once, each member as often as one likes, from any thread.

Format: PKWARE's APPNOTE.TXT, sections 4.3.7 (local header) and 4.4.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from slimtorch.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from _typeshed import WriteableBuffer

MEMBERS = 200_000
RATIO, SPARE = 200, 64 << 20
"""A wheel may unpack to this many times its size, and this many bytes more."""
_LOCAL = struct.Struct("<4s5H3I2H")
_CHUNK = 1 << 17
_UNIX_TYPE, _UNIX_FILE, _UNIX_FOLDER = 0o170000, 0o100000, 0o040000


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a zip archive; calling it opens its bytes, unpacked. `shown` names the archive in messages."""

    archive: Path
    shown: str
    name: str
    size: int
    packed: int
    offset: int
    deflated: bool
    executable: bool

    def __call__(self) -> io.BufferedReader:
        """A new stream at the member's start.

        Raises:
            ArchiveError: the local header is not the one that the archive's directory promises.
        """
        stream = self.archive.open("rb", buffering=0)
        try:
            self._skip_header(stream)
        except BaseException:
            stream.close()
            raise
        return io.BufferedReader(_Unpacking(stream, self), _CHUNK)

    def _skip_header(self, stream: io.FileIO) -> None:
        stream.seek(self.offset)
        header = stream.read(_LOCAL.size)
        if len(header) < _LOCAL.size:
            raise self.damaged("it is truncated")
        fields = _LOCAL.unpack(header)
        if fields[0] != b"PK\x03\x04" or stream.read(fields[9]) != self.name.encode():
            raise self.damaged("its header names another file")
        stream.seek(fields[10], io.SEEK_CUR)

    def damaged(self, reason: str) -> ArchiveError:
        """The error for this member."""
        return ArchiveError(f"{self.shown}: {self.name} cannot be read: {reason}")


class _Unpacking(io.RawIOBase):
    """The bytes of one member; never more, and never fewer, than the directory promises."""

    def __init__(self, stream: io.FileIO, member: Member) -> None:
        self._stream, self._member = stream, member
        self._packed, self._left = member.packed, member.size
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS) if member.deflated else None
        self._pending = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self._next(len(view))
        if len(data) > self._left:
            raise self._member.damaged("it holds more than it should")
        if not data and self._left and len(view):
            raise self._member.damaged("it holds less than it should")
        view[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def _next(self, size: int) -> bytes:
        if self._inflate is None:
            return self._raw(size)
        while True:
            packed = self._pending or self._raw(_CHUNK)
            try:
                data = self._inflate.decompress(packed, size)
            except zlib.error:
                raise self._member.damaged("its compressed bytes are damaged") from None
            self._pending = self._inflate.unconsumed_tail
            if data or not packed or self._inflate.eof:
                return data

    def _raw(self, size: int) -> bytes:
        data = self._stream.read(min(size, self._packed)) or b""
        self._packed -= len(data)
        return data

    def close(self) -> None:
        self._stream.close()
        super().close()


def members(archive: Path, shown: str) -> list[Member]:
    """Every file of the archive, in the order of its directory; folders are left out.

    Raises:
        ArchiveError: the archive is damaged or hostile; `shown` names it.
    """
    with opened(archive, shown) as zipped:
        return [_member(archive, info, shown) for info in directory(zipped, archive.stat().st_size, shown)]


@contextmanager
def opened(archive: Path | IO[bytes], shown: str) -> Iterator[zipfile.ZipFile]:
    """The archive, open; whatever is wrong with it while it is read becomes one error.

    Raises:
        ArchiveError: the archive is damaged; `shown` names it.
    """
    try:
        with zipfile.ZipFile(archive) as zipped:
            yield zipped
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, struct.error) as error:
        raise ArchiveError(f"{shown} is not a zip archive that can be read: {error}") from None


def directory(zipped: zipfile.ZipFile, length: int, shown: str) -> list[zipfile.ZipInfo]:
    """Every file of an archive of `length` bytes, checked, in the order of its directory; folders are left out.

    Raises:
        ArchiveError: the archive is hostile: a bomb, a path that leaves its folder, a link, two files of one name.
    """
    infos = zipped.infolist()
    if len(infos) > MEMBERS:
        raise ArchiveError(f"{shown} holds {len(infos)} files; more than {MEMBERS} are refused")
    _check_sizes(infos, length, shown)
    # `is_dir` stumbles over a member without a name.
    found = [info for info in infos if not info.filename.endswith("/")]
    for info in found:
        _check(info, shown)
    _check_names([info.filename for info in found], shown)
    return found


def _check_sizes(infos: Sequence[zipfile.ZipInfo], length: int, shown: str) -> None:
    """Refuses bombs: too much in all, or members that share the same packed bytes."""
    total = sum(info.file_size for info in infos)
    if total > length * RATIO + SPARE:
        raise ArchiveError(f"{shown} would unpack from {length} to {total} bytes: refused as a bomb")
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise ArchiveError(f"{shown}: {info.filename} overlaps another file")
        end = info.header_offset + _LOCAL.size + info.compress_size
    if end > length:
        raise ArchiveError(f"{shown} is truncated")


def _check(info: zipfile.ZipInfo, shown: str) -> None:
    if (info.external_attr >> 16) & _UNIX_TYPE not in {0, _UNIX_FILE}:
        raise ArchiveError(f"{shown}: {info.filename} is a link or special file, which a wheel cannot hold")
    if info.flag_bits & 0x1:
        raise ArchiveError(f"{shown}: {info.filename} is encrypted")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ArchiveError(f"{shown}: {info.filename} is compressed by a method that wheels do not use")
    check_path(info.orig_filename, shown)
    if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
        raise ArchiveError(f"{shown}: {info.filename} has two sizes")


def _member(archive: Path, info: zipfile.ZipInfo, shown: str) -> Member:
    return Member(
        archive=archive,
        shown=shown,
        name=info.filename,
        size=info.file_size,
        packed=info.compress_size,
        offset=info.header_offset,
        deflated=info.compress_type == zipfile.ZIP_DEFLATED,
        executable=bool((info.external_attr >> 16) & 0o111),
    )


def check_path(name: str, shown: str) -> None:
    """Nothing, where `name` is a plain relative path that cannot leave the folder it is unpacked to.

    Raises:
        ArchiveError: it can.
    """
    bad = any(part in {"", ".", ".."} for part in name.split("/")) or "\\" in name
    if bad or any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise ArchiveError(f"{shown} holds the path {name!r}, which could leave its folder")
    if len(name.encode(errors="surrogatepass")) > 4096 or not _encodable(name):
        raise ArchiveError(f"{shown} holds a path that no file system takes: {name[:80]!r}")


def _encodable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_names(found: Sequence[str], shown: str) -> None:
    names: set[str] = set()
    for name in found:
        if name in names:
            raise ArchiveError(f"{shown} holds {name} twice")
        names.add(name)
    for name in names:
        parent = name.rpartition("/")[0]
        while parent:
            if parent in names:
                raise ArchiveError(f"{shown} holds {parent} both as a file and as a folder")
            parent = parent.rpartition("/")[0]
