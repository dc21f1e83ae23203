"""Whether a rewritten library is the one that it was made of: the same memory, told by true headers.

This knows nothing of how the file was rewritten. It reads both files and says where they differ.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from slimtorch.elf import dynamic, headers, relocations
from slimtorch.elf.headers import HEADER, PAGE, PT_GNU_RELRO, PT_LOAD, PT_PHDR, SEGMENT, SHF_ALLOC, SHT_NOBITS, SHT_NULL
from slimtorch.elf.memory import Memory, without
from slimtorch.elf.reading import same
from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from slimtorch.elf.headers import Headers, Section, Segment
    from slimtorch.elf.memory import Span
    from slimtorch.elf.reading import Readable

MOST = 20
"""Complaints about one file; a file with more is as wrong as it can be."""
BLOCK = 1 << 16
TABLES_MOVED = ((32, 48), (56, 58))
"""Bytes of the ELF header that may differ: e_phoff and e_shoff, e_phnum (gABI)."""
WORD = relocations.WORD


def spans(of: Headers, names: Iterable[str]) -> tuple[Span, ...]:
    """The addresses of the loaded sections with these names, for `complaints`; a rewritten one may be in pieces."""
    wanted = frozenset(names)
    found: list[Span] = []
    for section in of.sections:
        if section.name in wanted and section.flags & SHF_ALLOC and section.stored:
            found += _in_memory(of, section.offset, section.end)
    return tuple(sorted(found))


def _in_memory(of: Headers, start: int, end: int) -> Iterator[Span]:
    """The addresses of what is loaded of these bytes of the file."""
    for load in of.loads:
        low, high = max(start, load.offset), min(end, load.end)
        if low < high:
            yield load.address + low - load.offset, load.address + high - load.offset


def complaints(original: Readable, result: Readable, changed: Sequence[Span] = ()) -> tuple[str, ...]:
    """What is not as it has to be, in sentences; nothing where the two agree.

    They agree if the result puts the same bytes at the same addresses, with the same rights, and its other program
    headers, its dynamic section and its section headers say the same of them. In the address ranges `changed`
    (device code) bytes may differ, and relative relocations that led into one may lead to another place of it.
    """
    try:
        before, after = headers.read(original), headers.read(result)
        if before is None or after is None:
            return ("one of the files is no ELF file that could be rewritten",)
        return tuple(islice(_complaints((original, before), (result, after), changed), MOST))
    except ElfError as error:
        return (error.message,)
    except EOFError:
        return ("the file ends before its headers say so",)


File = tuple["Readable", "Headers"]


def _complaints(before: File, after: File, changed: Sequence[Span]) -> Iterator[str]:
    yield from _elf_header(before, after)
    yield from _loads(before[1], after[1])
    yield from _other_segments(before, after)
    yield from _dynamic(before, after, changed)
    moved: list[Span] = []
    yield from _relocations(before, after, changed, moved)
    yield from _memory(before, after, [*changed, *moved, *_headers_in_memory(before[1], after[1])])
    yield from _sections(before, after, changed)


def _elf_header(before: File, after: File) -> Iterator[str]:
    old, new = before[0].at(0, HEADER.size), after[0].at(0, HEADER.size)
    for start, end in without([(0, HEADER.size)], TABLES_MOVED):
        if old[start:end] != new[start:end] and not (start >= 58 and not after[1].sections):
            yield f"the ELF header differs between bytes {start} and {end}"


def _loads(before: Headers, after: Headers) -> Iterator[str]:
    pieces = list(after.loads)
    for load in before.loads:
        end = load.address + load.memory_size
        count = sum(load.address <= piece.address < max(end, load.address + 1) for piece in pieces)
        mine, pieces = pieces[:count], pieces[count:]
        yield from _split(load, mine)
    if pieces:
        yield f"a segment is loaded at {pieces[0].address:#x}, where there was none"
    if max(load.align for load in before.loads) != max(load.align for load in after.loads):
        yield "the library asks for another alignment in memory"


def _split(load: Segment, pieces: list[Segment]) -> Iterator[str]:
    """Whether the pieces put the segment together, so that a loader can map them."""
    where = f"the segment at {load.address:#x}"
    if not pieces or pieces[0].address != load.address:
        yield f"{where} does not begin where it did"
        return
    if any(one.address + one.memory_size != other.address for one, other in pairwise(pieces)):
        yield f"{where} has a hole in memory"
    if pieces[-1].address + pieces[-1].memory_size != load.address + load.memory_size:
        yield f"{where} does not end where it did"
    if any(piece.flags != load.flags for piece in pieces):
        yield f"{where} has other rights"
    for piece in pieces[:-1]:
        if (piece.address + piece.file_size) % PAGE or (piece.address + piece.memory_size) % PAGE:
            yield f"{where} is cut inside a page"
    if any(piece.address + piece.file_size > load.address + load.file_size for piece in pieces):
        yield f"{where} has bytes of the file where there were zeros"


def _other_segments(before: File, after: File) -> Iterator[str]:
    old = [one for one in before[1].segments if one.type not in {PT_LOAD, PT_PHDR}]
    new = [one for one in after[1].segments if one.type not in {PT_LOAD, PT_PHDR}]
    if [replace(one, offset=0) for one in old] != [replace(one, offset=0) for one in new]:
        yield "program headers beside those of what is loaded differ"
        return
    for one, other in zip(old, new, strict=True):
        if not one.file_size or one.offset == other.offset == 0:
            continue
        loaded = before[1].offset_of(one.address, one.file_size) == one.offset
        true = after[1].offset_of(other.address, other.file_size) == other.offset
        if not true if loaded else not same(before[0], one.offset, after[0], other.offset, one.file_size):
            yield f"the program header of type {one.type:#x} tells a wrong place in the file"
    yield from _own_segment(before[1], after[1])


def _own_segment(before: Headers, after: Headers) -> Iterator[str]:
    """Where the program headers are: loaded if they were (C++ looks for exception tables there), and PT_PHDR true."""
    size = SEGMENT.size * len(after.segments)
    address = after.address_of(after.segments_at, size)
    if address is None and before.address_of(before.segments_at, SEGMENT.size * len(before.segments)) is not None:
        yield "the program headers are not loaded any more"
    old, own = before.of_type(PT_PHDR), after.of_type(PT_PHDR)
    if (old is None) != (own is None):
        yield "the program header of the program headers is gone or new"
    if old and own and after.segments_at != before.segments_at:
        told = (own.offset, own.address, own.file_size, own.memory_size, own.flags)
        if told != (after.segments_at, address, size, size, old.flags):
            yield "the program header of the program headers tells a wrong place"
    if old and own and after.segments_at == before.segments_at and old != own:
        yield "the program header of the program headers differs"


def _dynamic(before: File, after: File, changed: Sequence[Span]) -> Iterator[str]:
    old, new = dynamic.read(*before), dynamic.read(*after)
    if (old.entries if old else None) != (new.entries if new else None):
        yield "the dynamic section differs"
    for tag, value in old.entries if old else ():
        if tag in dynamic.TABLES and any(low <= value < high for low, high in changed):
            yield f"what was changed holds a table of the loader, at {value:#x}"
    for segment in before[1].segments:
        low, high = segment.address, segment.address + segment.file_size
        if segment.type not in {PT_LOAD, PT_GNU_RELRO} and any(
            max(low, start) < min(high, end) for start, end in changed
        ):
            yield f"what was changed is part of the segment of type {segment.type:#x}"


def _relocations(before: File, after: File, changed: Sequence[Span], moved: list[Span]) -> Iterator[str]:
    """Compare those that lead into what was changed, and add the addresses of their bytes to `moved`."""
    if not changed:
        return
    if relocations.writes(*before, changed):
        yield "the loader writes into what was changed"
    old = list(relocations.relative(*before, values=changed))
    new = list(relocations.relative(*after, values=changed))
    if [word.address for word in old] != [word.address for word in new]:
        yield "other words lead into what was changed"
        return
    for one, other in zip(old, new, strict=True):
        if not any(low <= one.value < high and low <= other.value < high for low, high in changed):
            yield f"the word at {one.address:#x} leads into another section"
        field = None if one.addend is None else before[1].address_of(one.addend, WORD)
        moved += [(start, start + WORD) for start in (one.address, field) if start is not None]
        if _word(before, one.address) != one.value and _word(before, one.address) != _word(after, one.address):
            yield f"the word at {one.address:#x} differs"
        if _word(before, one.address) == one.value and _word(after, one.address) != other.value:
            yield f"the word at {one.address:#x} does not hold what its relocation says"


def _word(file: File, address: int) -> int:
    return int.from_bytes(Memory(*file).at(address, WORD), "little")


def _headers_in_memory(before: Headers, after: Headers) -> Iterator[Span]:
    """Addresses of headers that are compared by what they say: the ELF header, the program headers in their place."""
    yield from _in_memory(before, 0, HEADER.size)
    if before.address_of(before.segments_at) == after.address_of(after.segments_at):
        yield from _in_memory(before, before.segments_at, before.segments_at + SEGMENT.size * len(before.segments))


def _memory(before: File, after: File, holes: Sequence[Span]) -> Iterator[str]:
    old, new = Memory(*before), Memory(*after)
    for low, high in without(old.stored(), holes):
        for at in range(low, high, BLOCK):
            size = min(BLOCK, high - at)
            if old.at(at, size) != new.at(at, size):
                yield f"the memory differs between {at:#x} and {at + size:#x}"


def _sections(before: File, after: File, changed: Sequence[Span]) -> Iterator[str]:
    if len(before[1].sections) != len(after[1].sections):
        yield "the number of sections differs"
        return
    pairs = list(zip(before[1].sections, after[1].sections, strict=True))
    gone = {number for number, (one, other) in enumerate(pairs) if one.type != SHT_NULL == other.type}
    for one, other in pairs:
        if other.type == SHT_NULL:
            if one.flags & SHF_ALLOC and one.stored and before[1].address_of(one.offset) is not None:
                yield f"the header of the section {one.name} is gone, and its bytes are loaded"
            continue
        if not _same_section(one, other, gone):
            yield f"the header of the section {one.name} differs"
        elif not _true_section(one, before, other, after, changed):
            yield f"the header of the section {one.name} tells a wrong place"


def _same_section(one: Section, other: Section, gone: set[int]) -> bool:
    link = 0 if one.link in gone else one.link
    told = (other.name, other.type, other.flags, other.address, other.align, other.entry_size, other.link)
    same = told == (one.name, one.type, one.flags, one.address, one.align, one.entry_size, link)
    return same and (other.info == one.info or (other.info == 0 and one.info in gone))


def _true_section(one: Section, before: File, other: Section, after: File, changed: Sequence[Span]) -> bool:
    if one.type == SHT_NOBITS or not one.size:
        return one.size == other.size
    if one.flags & SHF_ALLOC and before[1].offset_of(one.address) == one.offset:
        old, new = list(_in_memory(before[1], one.offset, one.end)), list(_in_memory(after[1], other.offset, other.end))
        if any(max(start, low) < min(end, high) for start, end in old for low, high in changed):
            return other.size <= one.size and (not other.size or after[1].offset_of(one.address) == other.offset)
        return one.size == other.size and old == new
    return one.size == other.size and same(before[0], one.offset, after[0], other.offset, one.size)
