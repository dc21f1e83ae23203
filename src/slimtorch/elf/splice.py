"""A new file made of ranges of an old one and a few bytes between: described first, written once it is right."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.elf.reading import Readable

BLOCK = 1 << 20


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
            if isinstance(piece, bytes):
                yield piece
                continue
            at, left = (piece.start, piece.size) if isinstance(piece, Copy) else (0, piece.size)
            while left:
                wanted = min(left, BLOCK)
                block = source.at(at, wanted) if isinstance(piece, Copy) else bytes(wanted)
                if len(block) != wanted:
                    raise EOFError
                yield block
                at, left = at + wanted, left - wanted

    def write(self, source: int, target: int) -> None:
        """The new file at the end of the descriptor `target`, ranges moved by the kernel (copy_file_range(2)).

        Raises:
            EOFError: the old file is shorter than it was.
            OSError: the disk is full, or either file cannot be used.
        """
        for piece in self.pieces:
            if isinstance(piece, Copy):
                _move(source, target, piece)
            else:
                _write(target, piece if isinstance(piece, bytes) else bytes(piece.size))


def _move(source: int, target: int, piece: Copy) -> None:
    at, left = piece.start, piece.size
    while left:
        moved = os.copy_file_range(source, target, left, at)
        if not moved:
            raise EOFError
        at, left = at + moved, left - moved


def _write(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
