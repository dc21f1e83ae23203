"""A part of a file or stream as a stream of its own."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import WriteableBuffer


class _Slice(io.RawIOBase):
    """Reads by position, so that it costs one descriptor and no buffer."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._start = start
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1, /) -> bytes:
        left = max(0, self._size - self._at)
        wanted = left if size < 0 else min(size, left)
        data = os.pread(self._descriptor, wanted, self._start + self._at) if wanted else b""
        self._at += len(data)
        return data

    def readall(self) -> bytes:
        pieces = []
        while data := self.read():
            pieces.append(data)
        return b"".join(pieces)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
        super().close()


class _Bounded(io.RawIOBase):
    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self._stream.read(min(len(view), self._left))
        self._left -= len(data)
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def bounded(stream: BinaryIO, size: int) -> BinaryIO:
    """The next `size` bytes of a stream that cannot seek; closing the result closes it."""
    return cast("BinaryIO", _Bounded(stream, size))


def open_slice(path: Path, start: int, size: int) -> BinaryIO:
    """A seekable stream of `size` bytes of the file from `start` on; shorter where the file is shorter."""
    return cast("BinaryIO", _Slice(path, start, size))
