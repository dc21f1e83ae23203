"""The section headers of a file from which ranges were taken out, true of what remains.

Sections keep their numbers, because symbols refer to them; one that is gone leaves an empty header (SHT_NULL).
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from slimtorch.elf.headers import HEADER, SECTION, SEGMENT, SHF_ALLOC, SHF_INFO_LINK, SHT_NOBITS, SHT_NULL
from slimtorch.elf.layout import Range
from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slimtorch.elf.headers import Headers, Section
    from slimtorch.elf.layout import Layout
    from slimtorch.elf.reading import Readable

SHT_RELA, SHT_REL = 4, 9
OFFSET, SIZE, LINK, INFO = 4, 5, 6, 7
"""Fields of a section header (gABI, Elf64_Shdr)."""


def loaded(headers: Headers, start: int, end: int) -> bool:
    """Whether program headers speak of all these bytes of the file, together: a rewritten section may be in pieces."""
    at = start
    while at < end:
        around = [one.end for one in headers.segments if one.file_size and one.offset <= at < one.end]
        if not around:
            return False
        at = max(around)
    return True


def stays(headers: Headers, number: int) -> bool:
    """Whether a section remains where only what segments speak of does; the names of the sections always remain."""
    section = headers.sections[number]
    if number == headers.names or section.type == SHT_NULL:
        return True
    if section.stored:
        return loaded(headers, section.offset, section.end)
    return bool(section.flags & SHF_ALLOC)


def check(headers: Headers, regions: Sequence[Range]) -> None:
    """Refuse section headers that lie, and regions (sorted, apart) that more than one section claims.

    Raises:
        ElfError: a section is not where its address says, shares bytes with a header, or a region has two owners.
    """
    head = Range(0, HEADER.size)
    tables = [
        Range(headers.segments_at, headers.segments_at + SEGMENT.size * len(headers.segments)),
        Range(headers.sections_at, headers.sections_at + SECTION.size * len(headers.sections)),
    ]
    starts, owners = [region.start for region in regions], [""] * len(regions)
    for section in headers.sections:
        mine = Range(section.offset, section.end)
        # The tables may stand in what is loaded: patchelf puts them there, and so does `layout.choose`.
        placed = section.flags & SHF_ALLOC
        wrong = not _true(headers, section) if placed else any(mine.meets(table) for table in tables)
        if wrong or mine.meets(head):
            raise ElfError(f"the section {section.name} is not where its header says")
        for number in range(max(0, bisect_left(starts, mine.start) - 1), bisect_left(starts, mine.end)):
            if regions[number].meets(mine):
                if owners[number]:
                    raise ElfError(f"the sections {owners[number]} and {section.name} share bytes of the file")
                owners[number] = section.name or "(without a name)"


def _true(headers: Headers, section: Section) -> bool:
    """Whether the section starts where its address says, and all its bytes are loaded."""
    if not section.stored:
        return True
    return headers.offset_of(section.address) == section.offset and loaded(headers, section.offset, section.end)


def after(source: Readable, headers: Headers, layout: Layout, gaps: Sequence[Range], names_at: int | None) -> bytes:
    """The section headers. `gaps` are the ranges that nobody reads any more, sorted, whether they left the file or not.

    `names_at` is the new offset of the section with the names, given where nothing stays that no segment speaks of.

    Raises:
        ElfError: a gap takes away the start of a section and leaves its end.
    """
    data = source.at(headers.sections_at, SECTION.size * len(headers.sections))
    kept = [names_at is None or stays(headers, number) for number in range(len(headers.sections))]
    found = []
    for number, row in enumerate(SECTION.iter_unpack(data)):
        if not kept[number]:
            found.append(bytes(SECTION.size))
            continue
        section, fields = headers.sections[number], list(row)
        if number:
            fields[LINK], fields[INFO] = _references(section, kept)
            told = number == headers.names and names_at is not None
            fields[OFFSET], fields[SIZE] = (names_at, section.size) if told else _place(section, layout, gaps)
        found.append(SECTION.pack(*fields))
    return b"".join(found)


def _place(section: Section, layout: Layout, gaps: Sequence[Range]) -> tuple[int, int]:
    """(offset, bytes) of the section in the new file."""
    if section.type in {SHT_NULL, SHT_NOBITS} or not section.size:
        return layout.moved(section.offset), section.size
    start, end = section.offset, section.end
    before = bisect_left(gaps, Range(end, 0)) - 1  # The last gap that begins before the section's end.
    if before >= 0 and gaps[before].end >= end:
        end = max(start, gaps[before].start)
    if start < end and any(gap.start <= start < gap.end for gap in gaps):
        raise ElfError(f"the start of the section {section.name} was taken out, and its end was not")
    return layout.moved(start), layout.moved(end) - layout.moved(start)


def _references(section: Section, kept: Sequence[bool]) -> tuple[int, int]:
    """sh_link and sh_info, without those to sections that are gone."""
    refers = section.flags & SHF_INFO_LINK or section.type in {SHT_REL, SHT_RELA}
    link = section.link if kept[section.link] else 0
    gone = refers and section.info < len(kept) and not kept[section.info]
    return link, 0 if gone else section.info
