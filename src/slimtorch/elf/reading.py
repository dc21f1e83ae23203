"""A file's bytes by position, never all at once: libraries have half a gigabyte."""

from __future__ import annotations

import io
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


BLOCK = 1 << 20
"""Bytes that are compared at once."""


class Readable(Protocol):
    """Random access to a file's bytes."""

    @property
    def size(self) -> int:
        """Bytes of the file."""
        ...

    def at(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on; fewer where the file ends before."""
        ...


class Bytes:
    """Bytes in memory, for small files and tests."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self._data)

    def at(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on; fewer where the file ends before."""
        return self._data[offset : offset + size] if offset >= 0 else b""


class OpenFile:
    """A file on the disk, read by position; the descriptor stays whoever's opened it."""

    __slots__ = ("descriptor", "size")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def at(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on; fewer where the file ends before."""
        return os.pread(self.descriptor, _within(size, self.size - offset), offset) if 0 <= offset < self.size else b""


class Stream:
    """A seekable stream that is no file on the disk; reads move its position."""

    __slots__ = ("_stream", "size")

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.size = stream.seek(0, os.SEEK_END)

    def at(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on; fewer where the file ends before."""
        if not 0 <= offset < self.size:
            return b""
        self._stream.seek(offset)
        return self._stream.read(_within(size, self.size - offset))


def _within(size: int, rest: int) -> int:
    """How much to ask for: as many bytes as that would be made room for, whether the file has them or not."""
    return max(0, min(size, rest))


def readable(stream: BinaryIO) -> Readable:
    """Random access to a seekable stream, which stays open; by descriptor where it is a file on the disk."""
    raw = stream.raw if isinstance(stream, io.BufferedReader) else stream
    # A stream that unpacks a file may tell that file's descriptor; only a plain file is read by it.
    return OpenFile(raw.fileno()) if isinstance(raw, io.FileIO) else Stream(stream)


def same(one: Readable, at: int, other: Readable, other_at: int, size: int) -> bool:
    """Whether `size` bytes of the files are the same, read in blocks and no further than the first difference."""
    return all(
        one.at(at + into, min(BLOCK, size - into)) == other.at(other_at + into, min(BLOCK, size - into))
        for into in range(0, size, BLOCK)
    )


@contextmanager
def opened(path: Path) -> Iterator[OpenFile]:
    """The file at `path`, no link followed at its end; closed when the block ends."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        yield OpenFile(descriptor)
    finally:
        os.close(descriptor)
