"""New contents for parts of a library, and nothing that no segment loads: headers, parts → the new file as a `Splice`.

No virtual address changes: what is taken out of a loaded segment becomes a hole in the file, never in memory.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.elf import dynamic, layout, program_headers, section_headers
from slimtorch.elf.headers import ET_EXEC, HEADER, PT_INTERP, SECTION, SEGMENT
from slimtorch.elf.layout import Layout, Range, between, choose, outside, up
from slimtorch.elf.splice import Copy, Splice, Zeros, length
from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from slimtorch.elf.dynamic import Dynamic
    from slimtorch.elf.headers import Headers
    from slimtorch.elf.reading import Readable
    from slimtorch.elf.splice import Piece

DT_FLAGS_1, DF_1_PIE = 0x6FFFFFFB, 0x08000000
NEAR = 256
"""Patches with fewer bytes between them are written as one."""
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Region:
    """The file range from `start` up to `end` gets these pieces at its start; the rest of it nobody reads any more."""

    start: int
    end: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes that replace as many at the file offset `offset`, outside of every region."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Changes:
    """What to change of a file. `bare` drops what no segment loads (symbols, debugging sections, comments)."""

    regions: Sequence[Region] = ()
    patches: Sequence[Patch] = ()
    bare: bool = False


@dataclass(frozen=True, slots=True)
class _Edit:
    """The old file's bytes from `start` up to `end` are replaced by the pieces."""

    start: int
    end: int
    pieces: tuple[Piece, ...]


def rewrite(source: Readable, headers: Headers, changes: Changes) -> Splice:
    """The changed file: same addresses, same dynamic section, a section header table that is true of what remains.

    It is the old file where there is nothing to gain. Gaps in programs stay in the file, as zeros: kernels before 5.18
    look for a program's headers where they would be if nothing had been taken out.

    Raises:
        ElfError: the changes do not fit the file, or something follows the end that its headers tell of.
    """
    _check_end(source, headers)
    tagged = dynamic.read(source, headers)
    _check_tables(headers, tagged)
    regions = sorted(Range(region.start, region.end) for region in changes.regions)
    layout.check(headers, regions)
    section_headers.check(headers, regions)
    gaps = sorted(gap for region in changes.regions if (gap := _gap(region)).size)
    cuts, home = ((), None) if _is_program(headers, tagged) else choose(headers, gaps)
    dropped = outside(headers) if changes.bare else ()
    where = Layout([*cuts, *between(headers, dropped)])
    programs = b"".join(segment.packed() for segment in program_headers.after(headers, where, home))
    table = None if home is None or len(programs) <= SEGMENT.size * len(headers.segments) else (home.start, programs)
    sections, sections_at, tail = _sections(source, headers, where, gaps, bare=changes.bare)
    edits = [
        _header(source, where.moved(table[0] if table else headers.segments_at), len(programs), sections_at),
        *([] if table else [_Edit(headers.segments_at, headers.segments_at + len(programs), (programs,))]),
        *sections,
        *(_Edit(one.start, one.end, (*one.pieces, *_rest(_gap(one), where, table))) for one in changes.regions),
        *(_Edit(one.start, one.end, _rest(one, where)) for one in dropped),
        *_patched(source, changes.patches),
    ]
    result = Splice((*_pieces(edits, headers.size), *tail))
    idle = not changes.regions and not changes.patches and result.size >= source.size
    return Splice((Copy(0, source.size),)) if idle else result


def _check_end(source: Readable, headers: Headers) -> None:
    """Refuse what follows the end that the headers tell of: something looks for it there (an archive, a program)."""
    told = [HEADER.size, headers.segments_at + SEGMENT.size * len(headers.segments)]
    told += [headers.sections_at + SECTION.size * len(headers.sections)]
    told += [section.end for section in headers.sections if section.stored]
    told += [segment.end for segment in headers.segments if segment.file_size]
    for at in range(max(told), headers.size, BLOCK):
        if source.at(at, min(BLOCK, headers.size - at)).strip(b"\0"):
            raise ElfError(f"{headers.size - max(told)} bytes follow the end that its headers tell of")


def _check_tables(headers: Headers, tagged: Dynamic | None) -> None:
    """Refuse tables of the loader that stand in the headers, which change."""
    for tag, address in tagged.entries if tagged else ():
        at = headers.offset_of(address) if tag in dynamic.TABLES else None
        if at is not None and (
            at < HEADER.size or 0 <= at - headers.segments_at < SEGMENT.size * len(headers.segments)
        ):
            raise ElfError(f"a table of the loader stands in the headers, at {address:#x}")


def _is_program(headers: Headers, tagged: Dynamic | None) -> bool:
    flags = (tagged.value(DT_FLAGS_1) if tagged else None) or 0
    return headers.type == ET_EXEC or headers.of_type(PT_INTERP) is not None or bool(flags & DF_1_PIE)


def _gap(region: Region) -> Range:
    """What of the region its pieces leave over."""
    gap = Range(region.start + sum(length(piece) for piece in region.pieces), region.end)
    if gap.size < 0:
        raise ElfError(f"what is to stand at byte {region.start} is {-gap.size} bytes too long")
    return gap


def _rest(gap: Range, where: Layout, table: tuple[int, bytes] | None = None) -> tuple[Piece, ...]:
    """What stays of the gap: zeros, and the program headers where they moved to this gap."""
    size = where.moved(gap.end) - where.moved(gap.start)
    if table is None or not gap.start <= table[0] < gap.end:
        return (Zeros(size),) if size else ()
    before = table[0] - gap.start
    return (Zeros(before), table[1], Zeros(size - before - len(table[1])))


def _header(source: Readable, segments_at: int, segments_size: int, sections_at: int) -> _Edit:
    """The ELF header that tells where the tables are now (gABI, Elf64_Ehdr)."""
    head = bytearray(source.at(0, HEADER.size))
    struct.pack_into("<QQ", head, 32, segments_at, sections_at)
    struct.pack_into("<H", head, 56, segments_size // SEGMENT.size)
    return _Edit(0, HEADER.size, (bytes(head),))


def _sections(
    source: Readable, headers: Headers, where: Layout, gaps: Sequence[Range], *, bare: bool
) -> tuple[list[_Edit], int, tuple[Piece, ...]]:
    """The section headers: an edit where they stay in their place, their new offset, what to put at the file's end.

    They move to the end where their place is not kept, and where it is loaded: what is loaded stays as it is.
    """
    if not headers.sections:
        return [], headers.sections_at, ()
    end = headers.sections_at + SECTION.size * len(headers.sections)
    names, file_end = headers.sections[headers.names], where.moved(headers.size)
    moves = bare and headers.names and not section_headers.loaded(headers, names.offset, names.end)
    names_at = (file_end if moves else where.moved(names.offset)) if bare else None
    table = section_headers.after(source, headers, where, gaps, names_at)
    if not bare and not section_headers.loaded(headers, headers.sections_at, end):
        return [_Edit(headers.sections_at, end, (table,))], where.moved(headers.sections_at), ()
    tail: tuple[Piece, ...] = (Copy(names.offset, names.size),) if moves else ()
    at = up(file_end + sum(length(piece) for piece in tail), 8)
    return [], at, (*tail, Zeros(at - file_end - sum(length(piece) for piece in tail)), table)


def _patched(source: Readable, patches: Sequence[Patch]) -> Iterator[_Edit]:
    """The patches, near ones as one edit."""
    group: list[Patch] = []
    for patch in sorted(patches, key=lambda patch: patch.offset):
        end = group[-1].offset + len(group[-1].data) if group else 0
        if group and (patch.offset - end > NEAR or patch.offset - group[0].offset > BLOCK):
            yield _grouped(source, group)
            group = []
        elif group and patch.offset < end:
            raise ElfError(f"byte {patch.offset} is to be changed twice")
        group.append(patch)
    if group:
        yield _grouped(source, group)


def _grouped(source: Readable, group: Sequence[Patch]) -> _Edit:
    start, end = group[0].offset, group[-1].offset + len(group[-1].data)
    data = bytearray(source.at(start, end - start))
    if len(data) != end - start:
        raise ElfError(f"byte {end - 1} is to be changed, and the file ends before")
    for patch in group:
        data[patch.offset - start : patch.offset - start + len(patch.data)] = patch.data
    return _Edit(start, end, (bytes(data),))


def _pieces(edits: Sequence[_Edit], size: int) -> Iterator[Piece]:
    """The edits in the old file's order, and what is between them."""
    at = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if not at <= edit.start <= edit.end <= size:
            raise ElfError(f"the changes at byte {edit.start} do not fit the file or each other")
        if at < edit.start:
            yield Copy(at, edit.start - at)
        yield from edit.pieces
        at = edit.end
    if at < size:
        yield Copy(at, size - at)
