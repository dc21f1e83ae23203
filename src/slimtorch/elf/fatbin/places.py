"""Where the loaded bytes of a library stand: file offsets, addresses and sections.

Segments say where a byte of the file is loaded. Sections count by their place in the file: where a gap was taken out of
one, its bytes still follow each other there, but no longer in memory.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.elf.headers import HEADER, SEGMENT, SHF_ALLOC

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from slimtorch.elf.headers import Headers, Section


@dataclass(frozen=True, slots=True)
class Piece:
    """`size` bytes of the file from `offset` on, loaded at `address`."""

    offset: int
    address: int
    size: int

    def part(self, start: int, end: int) -> Piece | None:
        """What of it lies between two file offsets; None for nothing."""
        first, last = max(start, self.offset), min(end, self.offset + self.size)
        return Piece(first, self.address + first - self.offset, last - first) if first < last else None


class Places:
    """The pieces of a file that its segments load, and the sections in them, by file offset.

    `headers` are the addresses of the ELF header and the program headers, where they are loaded.
    """

    __slots__ = ("_loaded", "_offsets", "_section_starts", "_sections", "_table", "headers", "pieces")

    def __init__(self, headers: Headers) -> None:
        loaded = [Piece(one.offset, one.address, one.file_size) for one in headers.loads if one.file_size]
        self._loaded = sorted(loaded, key=lambda piece: piece.offset)
        self._offsets = [piece.offset for piece in self._loaded]
        # The program headers may stand in a gap that `elf.rewrite` left inside of a section.
        self._table = table = headers.segments_at
        end = table + SEGMENT.size * len(headers.segments)
        halves = [(piece.part(0, table), piece.part(end, headers.size)) for piece in self._loaded]
        heads = [(piece.part(0, HEADER.size), piece.part(table, end)) for piece in self._loaded]
        self.headers = tuple((one.address, one.address + one.size) for both in heads for one in both if one)
        self.pieces = tuple(half for both in halves for half in both if half)
        found = [section for section in headers.sections if section.flags & SHF_ALLOC and section.stored]
        self._sections = sorted(found, key=lambda section: section.offset)
        self._section_starts = [section.offset for section in self._sections]

    def address(self, offset: int) -> int | None:
        """Where the byte at the file offset is loaded; None where it is not."""
        index = bisect_right(self._offsets, offset) - 1
        part = self._loaded[index].part(offset, offset + 1) if index >= 0 else None
        return part.address if part else None

    def of(self, names: Collection[str]) -> list[Piece]:
        """The loaded pieces of the sections of these names: more than one a section where a gap was taken out of it."""
        sections = [section for section in self._sections if section.name in names]
        parts = [piece.part(section.offset, section.end) for section in sections for piece in self.pieces]
        return [part for part in parts if part]

    def holds_table(self, names: Collection[str]) -> bool:
        """Whether the program headers stand inside of a section of these names."""
        return any(one.name in names and one.offset <= self._table < one.end for one in self._sections)

    def align(self, offset: int) -> int:
        """The alignment of the section at a file offset; 1 for none."""
        section = self._section(offset)
        return max(1, section.align) if section else 1

    def sectioned(self) -> Iterator[tuple[str, Piece]]:
        """All loaded bytes, cut at the sections' borders, each part with its section's name or ''."""
        for piece in self.pieces:
            at, last = piece.offset, piece.offset + piece.size
            while at < last:
                here = self._section(at)
                index = bisect_right(self._section_starts, at)
                following = self._section_starts[index] if index < len(self._sections) else last
                end = min(last, following, here.end if here else last)
                if part := piece.part(at, end):
                    yield (here.name if here else "", part)
                at = end

    def _section(self, offset: int) -> Section | None:
        index = bisect_right(self._section_starts, offset) - 1
        section = self._sections[index] if index >= 0 else None
        return section if section and offset < section.end else None
