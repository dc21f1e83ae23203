"""Where kept entries go: to the front of their container, and containers to the front of their section."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slimtorch.elf.fatbin import container as format_
from slimtorch.elf.fatbin.find import ALIGNMENT
from slimtorch.elf.rewrite import Region
from slimtorch.elf.splice import Copy, length

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from slimtorch.elf.fatbin.model import Code, Container
    from slimtorch.elf.fatbin.places import Piece
    from slimtorch.elf.splice import Piece as Part


@dataclass(frozen=True, slots=True)
class Kept:
    """A container, its address, the entries that stay, and whether it may move."""

    container: Container
    address: int
    codes: tuple[Code, ...]
    movable: bool = False

    @property
    def changed(self) -> bool:
        """Whether an entry goes, or another one stands for all."""
        return self.codes != self.container.codes

    @property
    def end(self) -> int:
        """The file offset behind it."""
        return self.container.offset + self.container.size


@dataclass(slots=True)
class Layout:
    """Regions with their new contents, and the new address of every container that moves, by its old one."""

    regions: list[Region] = field(default_factory=list)
    moved: dict[int, int] = field(default_factory=dict)


def in_place(kept: Iterable[Kept]) -> Layout:
    """Every container that loses an entry closes up where it is."""
    return Layout([Region(one.container.offset, one.end, joined(contents(one))) for one in kept if one.changed])


def back_to_back(piece: Piece, kept: Sequence[Kept], align: int, layout: Layout) -> None:
    """The containers of one piece of a section follow each other from its start; one that may not move stays."""
    run: list[Kept] = []
    start = piece.offset
    for one in kept:
        if not one.movable:
            _run(start, one.container.offset, run, align, layout)
            run, start = [], one.container.offset
        run.append(one)
    _run(start, piece.offset + piece.size, run, align, layout)


def _run(start: int, end: int, run: Sequence[Kept], align: int, layout: Layout) -> None:
    if not any(one.changed for one in run):
        return
    parts: list[Part] = []
    at = start
    for one in run:
        # Old and new addresses differ by as much as the offsets do: all of the run is in one piece of one segment.
        address = one.address - one.container.offset + at
        at += -address % align
        if at != one.container.offset:
            layout.moved[one.address] = one.address - one.container.offset + at
        inside = contents(one)
        parts += [bytes(-address % align), *inside]
        at += sum(map(length, inside))
    layout.regions.append(Region(start, end, joined(parts)))


def contents(one: Kept) -> list[Part]:
    """The container with what it keeps, its own size set right."""
    if not one.changed:
        return [Copy(one.container.offset, one.container.size)]
    total = sum(code.size for code in one.codes)
    header = format_.HEADER.pack(format_.MAGIC, format_.VERSION, format_.HEADER.size, total)
    return [header, *(Copy(code.offset, code.size) for code in one.codes)]


def alignment(section: int, addresses: Collection[int]) -> int:
    """The largest power of two that the section's alignment and every container's address are multiples of."""
    together = section or ALIGNMENT
    for address in addresses:
        together |= address
    return together & -together


def joined(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The same bytes in as few parts as possible."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, Copy) and isinstance(last, Copy) and last.start + last.size == part.start:
            found[-1] = Copy(last.start, last.size + part.size)
        elif isinstance(part, bytes) and isinstance(last, bytes):
            found[-1] = last + part
        elif length(part):
            found.append(part)
    return tuple(found)
