"""The headers of a 64-bit little-endian ELF file (gABI, chapters 4 and 5), read with every size checked."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from slimtorch.elf.reading import Readable

MAGIC = b"\x7fELF"
HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
SECTION = struct.Struct("<IIQQQQIIQQ")
MACHINES = {62: "x86_64", 183: "aarch64"}
ET_EXEC, ET_DYN = 2, 3
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_PHDR, PT_TLS = 1, 2, 3, 4, 6, 7
PT_GNU_EH_FRAME, PT_GNU_STACK, PT_GNU_RELRO = 0x6474E550, 0x6474E551, 0x6474E552
SHT_NULL, SHT_STRTAB, SHT_NOBITS = 0, 3, 8
SHF_ALLOC, SHF_INFO_LINK = 0x2, 0x40
PAGE = 4096
"""The smallest page of the machines we know; what is mapped starts at such a boundary of the file."""
PN_XNUM = 0xFFFF
MOST_SECTIONS = 0xFF00
MOST_NAME_BYTES = 16 << 20
HIGHEST = 1 << 63


@dataclass(frozen=True, slots=True)
class Segment:
    """A program header, in file order. Offsets and sizes in bytes."""

    type: int
    flags: int
    offset: int
    address: int
    physical: int
    file_size: int
    memory_size: int
    align: int

    @property
    def end(self) -> int:
        """The file offset behind its last byte in the file."""
        return self.offset + self.file_size

    def packed(self) -> bytes:
        """The program header as it stands in a file."""
        return SEGMENT.pack(
            *(self.type, self.flags, self.offset, self.address),
            *(self.physical, self.file_size, self.memory_size, self.align),
        )


@dataclass(frozen=True, slots=True)
class Section:
    """A section header with its name looked up."""

    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry_size: int

    @property
    def stored(self) -> int:
        """Bytes that it takes in the file."""
        return 0 if self.type in {SHT_NULL, SHT_NOBITS} else self.size

    @property
    def end(self) -> int:
        """The file offset behind its last byte in the file."""
        return self.offset + self.stored


@dataclass(frozen=True, slots=True)
class Headers:
    """Everything of a file that says where things are.

    `machine` as `uname -m` writes it, `type` is e_type, `segments_at` and `sections_at` are the offsets of the two
    tables, `names` the number of the section that holds the sections' names, `size` the bytes of the file.
    """

    machine: str
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    size: int
    type: int
    segments_at: int
    sections_at: int
    names: int

    def section(self, name: str) -> Section | None:
        """The first section called `name`."""
        return next((section for section in self.sections if section.name == name), None)

    @property
    def loads(self) -> tuple[Segment, ...]:
        """The segments that are loaded, by address."""
        return tuple(segment for segment in self.segments if segment.type == PT_LOAD)

    def of_type(self, kind: int) -> Segment | None:
        """The first segment of a type."""
        return next((segment for segment in self.segments if segment.type == kind), None)

    def offset_of(self, address: int, size: int = 1) -> int | None:
        """Where in the file these `size` bytes of the memory image stand; None where not all of them come from it."""
        for load in self.loads:
            if load.address <= address and address + size <= load.address + load.file_size:
                return load.offset + address - load.address
        return None

    def address_of(self, offset: int, size: int = 1) -> int | None:
        """Where these `size` bytes of the file are loaded; None where not all of them are."""
        for load in self.loads:
            if load.offset <= offset and offset + size <= load.end:
                return load.address + offset - load.offset
        return None


def read(source: Readable) -> Headers | None:
    """The headers, or None where the file is no ELF file that could be rewritten.

    Those are 32-bit and big-endian files, other machines, and what is no program and no shared library.

    Raises:
        ElfError: it is one, and its headers lie: out of the file, overlapping, or more than a file can have.
    """
    head = source.at(0, HEADER.size)
    if head[:4] != MAGIC or head[4:6] not in {b"\2\1", b"\2", b""}:
        return None
    if len(head) < HEADER.size:
        raise ElfError("the file ends inside its ELF header")
    _, kind, machine, _, _, segments_at, sections_at, _, _, *counts = HEADER.unpack(head)
    segment_size, segment_count, section_size, section_count, names = counts
    if machine not in MACHINES or kind not in {ET_EXEC, ET_DYN}:
        return None
    if segment_size not in {SEGMENT.size, 0} or section_size not in {SECTION.size, 0}:
        raise ElfError("its program or section headers have a size that the format does not know")
    if segment_count == PN_XNUM or section_count > MOST_SECTIONS or (sections_at and not section_count):
        raise ElfError("it counts more headers than a library can have")
    segments = _segments(source, segments_at, segment_count)
    sections = _sections(source, sections_at, section_count, names)
    return Headers(MACHINES[machine], segments, sections, source.size, kind, segments_at, sections_at, names)


def _table(source: Readable, at: int, count: int, entry: struct.Struct) -> list[tuple[int, ...]]:
    data = source.at(at, count * entry.size) if at <= source.size else b""
    if len(data) != count * entry.size:
        raise ElfError("its table of program or section headers reaches past the end of the file")
    return list(entry.iter_unpack(data))


def _segments(source: Readable, at: int, count: int) -> tuple[Segment, ...]:
    segments = tuple(Segment(*fields) for fields in _table(source, at, count, SEGMENT))
    for number, segment in enumerate(segments):
        if segment.file_size and segment.end > source.size:
            raise ElfError(f"segment {number} reaches past the end of the file")
        if segment.address + segment.memory_size > HIGHEST:
            raise ElfError(f"segment {number} reaches past the end of the address space")
    _check_loads([segment for segment in segments if segment.type == PT_LOAD])
    return segments


def _check_loads(loads: list[Segment]) -> None:
    if not loads:
        raise ElfError("no segment of it is loaded")
    for load in loads:
        if load.file_size > load.memory_size:
            raise ElfError(f"the segment at address {load.address:#x} has more bytes in the file than in memory")
        if load.align & (load.align - 1) or (load.address - load.offset) % max(load.align, PAGE):
            raise ElfError(f"the segment at address {load.address:#x} cannot be mapped from where it is in the file")
    for one, other in pairwise(loads):
        if one.address + one.memory_size > other.address:
            raise ElfError(f"the segments at addresses {one.address:#x} and {other.address:#x} overlap")


def _sections(source: Readable, at: int, count: int, names: int) -> tuple[Section, ...]:
    rows = _table(source, at, count, SECTION) if count else []
    if names >= max(count, 1):
        raise ElfError("the section with the names of the sections does not exist")
    for number, (_, kind, _, _, offset, size, link, *_) in enumerate(rows):
        if kind not in {SHT_NULL, SHT_NOBITS} and offset + size > source.size:
            raise ElfError(f"section {number} reaches past the end of the file")
        if number and link >= count:
            raise ElfError(f"section {number} refers to a section that does not exist")
    texts = _names(source, rows[names]) if names else b"\0"
    return tuple(Section(_name(texts, row[0]), *row[1:]) for row in rows)


def _names(source: Readable, row: tuple[int, ...]) -> bytes:
    _, kind, _, _, offset, size, *_ = row
    if kind != SHT_STRTAB or size > MOST_NAME_BYTES:
        raise ElfError("the section with the names of the sections is no table of strings")
    return source.at(offset, size)


def _name(texts: bytes, at: int) -> str:
    if at > len(texts):
        raise ElfError("a section's name stands outside of the table of names")
    return texts[at : texts.find(b"\0", at) % (len(texts) + 1)].decode("ascii", "backslashreplace")
