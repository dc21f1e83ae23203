"""What leaves the file, and where everything else then is. Ranges are of the old file, from start up to end."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from slimtorch.elf.headers import HEADER, PAGE, PT_GNU_RELRO, PT_LOAD, PT_PHDR, SEGMENT
from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slimtorch.elf.headers import Headers

LEAST_GAP = 16 << 10
"""Bytes of a gap from which on it is worth a segment of its own."""
MOST_GAPS = 224
"""Gaps of one file that are taken out, the largest first: each one costs the process two more mappings."""
LARGEST_PAGE = {"x86_64": PAGE, "aarch64": 64 << 10}
"""Bytes of a page of the kernels that each machine may run (psABI)."""


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """Bytes of the old file from `start` up to `end`."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """Bytes of it."""
        return self.end - self.start

    def meets(self, other: Range) -> bool:
        """Whether they have a byte in common."""
        return max(self.start, other.start) < min(self.end, other.end)


class Layout:
    """Where bytes of the old file are once the `cuts` are taken out."""

    __slots__ = ("_lost", "_starts", "cuts")

    def __init__(self, cuts: Iterable[Range] = ()) -> None:
        self.cuts = tuple(sorted(cuts))
        self._starts = [cut.start for cut in self.cuts]
        self._lost = [0, *accumulate(cut.size for cut in self.cuts)]

    def moved(self, offset: int) -> int:
        """The new offset of what was at `offset`; of what was cut out, that of what follows it."""
        before = bisect_right(self._starts, offset)
        inside = self.cuts[before - 1].end - offset if before else 0
        return offset - self._lost[before] + max(0, inside)


def up(offset: int, step: int) -> int:
    """The next multiple of `step`."""
    return -(-offset // step) * step


def page_of(headers: Headers) -> int:
    """Bytes of the largest page that the file's segments can be mapped with: what is taken out is a multiple of it."""
    return min([LARGEST_PAGE[headers.machine], *(max(load.align, PAGE) for load in headers.loads)])


def check(headers: Headers, regions: Iterable[Range]) -> None:
    """Refuse program headers that lie, and regions that are loaded twice or hold what the loader itself reads.

    Raises:
        ElfError: a segment is not in the file where its address says, or there is such a region.
    """
    for one in headers.segments:
        if one.file_size and one.type != PT_LOAD and headers.offset_of(one.address, one.file_size) != one.offset:
            raise ElfError(f"the segment of type {one.type:#x} is not where its header says")
        told = (one.offset, one.file_size, one.memory_size)
        size = SEGMENT.size * len(headers.segments)
        if one.type == PT_PHDR and told != (headers.segments_at, size, size):
            raise ElfError("the program header of the program headers does not tell where they are")
    for region in regions:
        if sum(region.meets(Range(load.offset, load.end)) for load in headers.loads) > 1 or _told(headers, region):
            raise ElfError(f"what stands at byte {region.start} belongs to more than one segment")


def _told(headers: Headers, region: Range) -> bool:
    """Whether a program header of something that the loader reads speaks of the region, by offset or by address."""
    address = headers.address_of(region.start)
    memory = Range(0, 0) if address is None else Range(address, address + region.size)
    return any(
        region.meets(Range(one.offset, one.end)) or memory.meets(Range(one.address, one.address + one.file_size))
        for one in headers.segments
        if one.type not in {PT_LOAD, PT_GNU_RELRO}
    )


def choose(headers: Headers, gaps: Iterable[Range]) -> tuple[tuple[Range, ...], Range | None]:
    """The pages to take out of the largest gaps, and the range of a gap that the new program headers go to.

    A library's program headers are where C++ looks for its exception tables (dl_iterate_phdr), so they have to be
    loaded: the largest gap, of which a few pages stay, has room for them. Gaps at a section's end come first, so that
    who reads the section as a whole does not meet them.
    """
    found = [(cut, gap) for gap in gaps if (cut := _cut(headers, gap)).size >= LEAST_GAP]
    found = sorted(found, key=lambda pair: (-pair[0].size, pair[0].start))[:MOST_GAPS]
    if not found:
        return (), None
    gap = min(found, key=lambda pair: _inside(headers, pair[1]))[1]
    others = [cut for cut, other in found if other != gap]
    start = up(gap.start, 8)
    home = Range(start, start + SEGMENT.size * (len(headers.segments) + len(found)))
    largest = _cut(headers, Range(home.end, gap.end)) if home.end < gap.end else Range(0, 0)
    return ((largest, *others), home) if largest.size else ((), None)


def _inside(headers: Headers, gap: Range) -> bool:
    """Whether more of the section follows the gap."""
    return any(section.offset <= gap.start and gap.end < section.end for section in headers.sections)


def _cut(headers: Headers, gap: Range) -> Range:
    """The whole pages of a gap that lies in one segment, and in nothing else that a program header speaks of."""
    nothing, page = Range(gap.start, gap.start), page_of(headers)
    around = [one for one in headers.segments if one.file_size and gap.meets(Range(one.offset, one.end))]
    if len(around) != 1 or around[0].type != PT_LOAD:
        return nothing
    load = around[0]
    # A segment keeps its first page, and with it its first address.
    start = max(up(gap.start, page), up(load.offset + 1, page))
    end = min(gap.end, load.end) // page * page
    return Range(start, end) if start < end else nothing


def outside(headers: Headers) -> tuple[Range, ...]:
    """What neither the ELF header nor a program header speaks of: what can neither be loaded nor matter to a loader."""
    table = Range(headers.segments_at, headers.segments_at + SEGMENT.size * len(headers.segments))
    told = [Range(segment.offset, segment.end) for segment in headers.segments if segment.file_size]
    found, at = [], 0
    for one in sorted([Range(0, HEADER.size), table, *told]):
        if at < one.start:
            found.append(Range(at, one.start))
        at = max(at, one.end)
    return (*found, Range(at, headers.size)) if at < headers.size else tuple(found)


def between(headers: Headers, ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Of what is `outside`, the part that can leave the file: whole pages between segments, all of it at the end."""
    page, found = page_of(headers), []
    for one in ranges:
        end = one.end if one.end == headers.size else one.end // page * page
        start = one.start if one.end == headers.size else up(one.start, page)
        if start < end:
            found.append(Range(start, end))
    return tuple(found)
