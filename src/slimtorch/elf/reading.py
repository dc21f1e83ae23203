"""A file's bytes by position, never all at once: libraries have half a gigabyte."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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
        return self._data[offset : offset + size]


class OpenFile:
    """A file on the disk, read by position; the descriptor stays whoever's opened it."""

    __slots__ = ("descriptor", "size")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def at(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on; fewer where the file ends before."""
        return os.pread(self.descriptor, max(0, min(size, self.size - offset)), offset)


@contextmanager
def opened(path: Path) -> Iterator[OpenFile]:
    """The file at `path`, no link followed at its end; closed when the block ends."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        yield OpenFile(descriptor)
    finally:
        os.close(descriptor)
