"""Where everything of a stand-in stands: three loaded segments, and sections that tools can read (gABI, chapter 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.elf.headers import HEADER, PT_DYNAMIC, PT_GNU_STACK, PT_LOAD, PT_NOTE, SECTION, SEGMENT, Segment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PAGES = {"x86_64": 0x1000, "aarch64": 0x10000}
"""The largest page of each machine (psABI): segments never share one."""
MACHINES = {"x86_64": 62, "aarch64": 183}
PROGBITS, STRTAB, DYNAMIC, NOTE, NOBITS, DYNSYM = 1, 3, 6, 7, 8, 11
GNU_HASH, VERDEF, VERSYM = 0x6FFFFFF6, 0x6FFFFFFD, 0x6FFFFFFF
WRITE, ALLOC, EXECUTE = 1, 2, 4
READ_SEGMENT = {ALLOC: 4, ALLOC | EXECUTE: 5, ALLOC | WRITE: 6}
"""Flags of a segment by the flags of its sections."""
SEGMENTS = 6
START = HEADER.size + SEGMENTS * SEGMENT.size
NAMES = ".shstrtab"
STACK = Segment(PT_GNU_STACK, 6, 0, 0, 0, 0, 0, 16)


@dataclass(frozen=True, slots=True)
class Part:
    """A section before it has a place: `size` and `align` in bytes, `link` names another one."""

    name: str
    type: int
    flags: int
    size: int
    align: int = 1
    link: str = ""
    info: int = 0
    entry: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part is in the file and in memory."""

    offset: int
    address: int


def places(parts: Sequence[Part], machine: str) -> Mapping[str, Place]:
    """A place for each loaded part, in their order; whenever the flags change, a new segment starts on its own page."""
    found, end, segment, flags = {}, START, 0, ALLOC
    for part in parts:
        segment += part.flags != flags
        flags = part.flags
        end += -end % part.align
        found[part.name] = Place(end, end + segment * PAGES[machine])
        end += part.size if part.type != NOBITS else 0
    return found


def compose(parts: Sequence[Part], where: Mapping[str, Place], contents: Mapping[str, bytes], machine: str) -> bytes:
    """The whole file: headers, the parts' contents, and the table of sections at its end."""
    stored = [part for part in parts if part.type != NOBITS]
    end = max(where[part.name].offset + part.size for part in stored)
    data = bytearray(end)
    for part in stored:
        offset = where[part.name].offset
        data[offset : offset + part.size] = contents[part.name]
    names, name_at = _names(parts)
    table = end + len(names)
    table += -table % 8
    data += names + bytes(table - end - len(names))
    data += _section_table(parts, where, name_at, Place(end, len(names)))
    # 1: ELF version, both times; the file is 64-bit, little-endian, for System V, and a shared object.
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    counts = (HEADER.size, SEGMENT.size, SEGMENTS, SECTION.size, len(parts) + 2, len(parts) + 1)
    head = HEADER.pack(ident, 3, MACHINES[machine], 1, 0, HEADER.size, table, 0, *counts)
    segments = b"".join(segment.packed() for segment in _segments(parts, where, PAGES[machine]))
    data[:START] = head + segments
    return bytes(data)


def _segments(parts: Sequence[Part], where: Mapping[str, Place], page: int) -> list[Segment]:
    found = []
    for flags, allowed in READ_SEGMENT.items():
        inside = [part for part in parts if part.flags == flags]
        first = where[inside[0].name] if flags != ALLOC else Place(0, 0)
        ends = [where[part.name].offset + part.size for part in inside if part.type != NOBITS]
        memory = max(where[part.name].address + part.size for part in inside) - first.address
        size = max(ends) - first.offset
        found.append(Segment(PT_LOAD, allowed, first.offset, first.address, first.address, size, memory, page))
    for kind, part_type, allowed in ((PT_DYNAMIC, DYNAMIC, 6), (PT_NOTE, NOTE, 4)):
        part = next(part for part in parts if part.type == part_type)
        at = where[part.name]
        found.append(Segment(kind, allowed, at.offset, at.address, at.address, part.size, part.size, part.align))
    return [*found, STACK]


def _names(parts: Sequence[Part]) -> tuple[bytes, Mapping[str, int]]:
    names, name_at = bytearray(1), {}
    for name in (*(part.name for part in parts), NAMES):
        name_at[name] = len(names)
        names += name.encode() + b"\0"
    return bytes(names), name_at


def _section_table(
    parts: Sequence[Part], where: Mapping[str, Place], name_at: Mapping[str, int], names: Place
) -> bytes:
    """The table, null section first; `names` is offset and size of the section that holds the names."""
    number = {part.name: index for index, part in enumerate(parts, 1)}
    data = bytearray(SECTION.size)
    for part in parts:
        at = where[part.name]
        fields = (number.get(part.link, 0), part.info, part.align, part.entry)
        data += SECTION.pack(name_at[part.name], part.type, part.flags, at.address, at.offset, part.size, *fields)
    return bytes(data + SECTION.pack(name_at[NAMES], STRTAB, 0, 0, names.offset, names.address, 0, 0, 1, 0))
