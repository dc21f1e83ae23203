"""A new file made of ranges of an old one and a few bytes between: described first, written once it is right."""

from __future__ import annotations

import errno
import os
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from slimtorch.elf.reading import OpenFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.elf.reading import Readable

BLOCK = 1 << 16
"""Bytes of a block; larger ones are slower, because each would get fresh memory from the kernel."""
SMALL = 64 << 10
"""Bytes of a range below which it is sooner read and written together with its neighbours than moved by the kernel."""
PENDING = 1 << 20
_NO_MOVE = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}
"""What copy_file_range(2) says where it cannot, while reading and writing can: other file systems, old kernels."""


@dataclass(frozen=True, slots=True)
class Copy:
    """`size` bytes of the old file from `start` on."""

    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Zeros:
    """`size` zero bytes."""

    size: int


Piece = Copy | Zeros | bytes


def length(piece: Piece) -> int:
    """Bytes that a piece gives."""
    return len(piece) if isinstance(piece, bytes) else piece.size


@dataclass(frozen=True, slots=True)
class Splice:
    """The pieces of the new file, in order."""

    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        """Bytes of the new file."""
        return sum(length(piece) for piece in self.pieces)

    def blocks(self, source: Readable) -> Iterator[bytes]:
        """The new file's bytes, at most `BLOCK` at a time.

        Raises:
            EOFError: the old file is shorter than it was.
        """
        for piece in self.pieces:
            yield from _blocks(source, piece)

    def write(self, source: int, target: int) -> None:
        """The new file at the position of the descriptor `target`; long ranges are moved by the kernel.

        Raises:
            EOFError: the old file is shorter than it was.
            OSError: the disk is full, or either file cannot be used.
        """
        pending = bytearray()
        for piece in self.pieces:
            if isinstance(piece, Copy) and piece.size >= SMALL:
                _write(target, pending)
                pending.clear()
                _move(source, target, piece)
                continue
            for block in _blocks(OpenFile(source), piece):
                pending += block
                if len(pending) >= PENDING:
                    _write(target, pending)
                    pending.clear()
        _write(target, pending)


class Spliced:
    """The new file before it is written, to be read like any other: for what has to be shown first."""

    __slots__ = ("_ends", "_pieces", "_source", "size")

    def __init__(self, source: Readable, splice: Splice) -> None:
        self._source = source
        self._pieces = [piece for piece in splice.pieces if length(piece)]
        self._ends = list(accumulate(length(piece) for piece in self._pieces))
        self.size = self._ends[-1] if self._ends else 0

    def at(self, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on; fewer where the file ends before.

        Raises:
            EOFError: the old file is shorter than it was.
        """
        end, found = min(offset + size, self.size), []
        index = bisect_right(self._ends, offset)
        while offset < end:
            piece = self._pieces[index]
            into = length(piece) - (self._ends[index] - offset)
            found.append(_part(self._source, piece, into, min(self._ends[index], end) - offset))
            offset, index = self._ends[index], index + 1
        return b"".join(found)


def _blocks(source: Readable, piece: Piece) -> Iterator[bytes]:
    for at in range(0, length(piece), BLOCK):
        wanted = min(length(piece) - at, BLOCK)
        yield _part(source, piece, at, wanted)


def _part(source: Readable, piece: Piece, at: int, size: int) -> bytes:
    """`size` bytes from the byte `at` of a piece on."""
    if isinstance(piece, bytes):
        return piece[at : at + size]
    block = source.at(piece.start + at, size) if isinstance(piece, Copy) else bytes(size)
    if len(block) != size:
        raise EOFError
    return block


def _move(source: int, target: int, piece: Copy) -> None:
    """The range by copy_file_range(2), or by reading and writing where the kernel cannot do that."""
    at, end = piece.start, piece.start + piece.size
    try:
        while at < end:
            moved = os.copy_file_range(source, target, end - at, at)
            if not moved:
                raise EOFError
            at += moved
    except OSError as error:
        if error.errno not in _NO_MOVE:
            raise
        for block in _blocks(OpenFile(source), Copy(at, end - at)):
            _write(target, block)


def _write(target: int, data: bytes | bytearray) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
