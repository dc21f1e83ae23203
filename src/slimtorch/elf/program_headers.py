"""The program headers of a file from which ranges were taken out: every address stays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from slimtorch.elf.headers import PT_LOAD, PT_PHDR, SEGMENT
from slimtorch.elf.layout import Range, page_of
from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.elf.headers import Headers, Segment
    from slimtorch.elf.layout import Layout


def after(headers: Headers, layout: Layout, home: Range | None) -> tuple[Segment, ...]:
    """The program headers in their old order; those that tell of themselves (PT_PHDR) tell of `home` if they grew.

    Raises:
        ElfError: the library's alignment in memory would get lost.
    """
    page = page_of(headers)
    found: list[Segment] = []
    for segment in headers.segments:
        if segment.type == PT_LOAD:
            found += _split(segment, layout, page)
        else:
            found.append(replace(segment, offset=layout.moved(segment.offset)))
    _keep_alignment(headers, found)
    if home is None or len(found) == len(headers.segments):
        return tuple(found)
    address = headers.address_of(home.start) or 0
    told, size = layout.moved(home.start), SEGMENT.size * len(found)
    place = {"offset": told, "address": address, "physical": address, "file_size": size, "memory_size": size}
    return tuple(replace(one, **place) if one.type == PT_PHDR else one for one in found)


def _keep_alignment(headers: Headers, found: list[Segment]) -> None:
    """Let one of the segments ask for the largest alignment of before, which glibc gives to the library as a whole."""
    largest = max(load.align for load in headers.loads)
    loads = [number for number, one in enumerate(found) if one.type == PT_LOAD]
    if max(found[number].align for number in loads) >= largest:
        return
    for number in loads:
        if (found[number].address - found[number].offset) % largest == 0:
            found[number] = replace(found[number], align=largest)
            return
    raise ElfError(f"nothing of it would ask for its alignment of {largest} bytes any more")


def _split(load: Segment, layout: Layout, page: int) -> Iterator[Segment]:
    """The segment without the cuts in it: pieces at the same addresses, each in memory up to the next one.

    So what was taken out reads as zeros. The pieces before end with a page, and the loader has nothing to clear in a
    page that it must not write to (glibc, _dl_map_segments).
    """
    cuts = [cut for cut in layout.cuts if cut.meets(Range(load.offset, load.end))]
    starts, ends = [load.offset, *(cut.end for cut in cuts)], [*(cut.start for cut in cuts), load.end]
    if len(starts) > 1 and starts[-1] == ends[-1]:
        starts.pop()
    followers = [*starts[1:], load.offset + load.memory_size]
    for start, end, follower in zip(starts, ends, followers, strict=False):
        address = load.address + start - load.offset
        # Where nothing is stored any offset will do, as long as the file reaches it.
        offset = layout.moved(start) if load.file_size or not layout.cuts else address % page
        yield replace(
            load,
            offset=offset,
            address=address,
            physical=load.physical + start - load.offset,
            file_size=end - start,
            memory_size=follower - start,
            align=load.align if load.align and (address - offset) % load.align == 0 else page,
        )
