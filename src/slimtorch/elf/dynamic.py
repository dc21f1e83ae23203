"""The dynamic section of a file (gABI, chapter 5): what the loader reads, found by address as the loader finds it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.elf.headers import PT_DYNAMIC
from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from slimtorch.elf.headers import Headers
    from slimtorch.elf.reading import Readable

DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SYMENT, DT_SONAME = 1, 4, 5, 6, 10, 11, 14
DT_GNU_HASH, DT_VERSYM, DT_VERDEF, DT_VERDEFNUM = 0x6FFFFEF5, 0x6FFFFFF0, 0x6FFFFFFC, 0x6FFFFFFD
DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
TABLES = frozenset({4, 5, 6, 7, 23, 25, 26, 32, 36, DT_GNU_HASH, DT_VERSYM, DT_VERDEF, DT_VERNEED})
"""Tags whose values are addresses of tables that the loader reads."""
LONGEST = 1 << 16
"""Bytes of a name above which it is no sane one; C++ makes names of some thousand."""
MOST = 1 << 16
"""Entries of a dynamic section above which it is no sane one."""


@dataclass(frozen=True, slots=True)
class Dynamic:
    """The entries up to DT_NULL as (tag, value), in order, and what is needed to follow them."""

    source: Readable
    headers: Headers
    entries: tuple[tuple[int, int], ...]

    def value(self, tag: int) -> int | None:
        """The last value of `tag` (which is the one that glibc takes), or None."""
        return next((value for found, value in reversed(self.entries) if found == tag), None)

    def at(self, address: int, size: int) -> bytes:
        """`size` bytes that stand at a virtual address.

        Raises:
            ElfError: they are not, or not all of them, in the part of one segment that the file holds.
        """
        data = self.source.at(self.offset(address, size), size)
        if len(data) != size:
            raise ElfError(f"the file ends inside a table that stands at {address:#x}")
        return data

    def offset(self, address: int, size: int) -> int:
        """Where in the file `size` bytes of a virtual address stand.

        Raises:
            ElfError: as `at`.
        """
        found = self.headers.offset_of(address, size)
        if found is None:
            raise ElfError(f"{size} bytes at {address:#x}, which the dynamic section names, are in no loaded segment")
        return found

    def room(self, address: int) -> int:
        """How many bytes from a virtual address on its segment has in the file; 0 where there is none."""
        around = (load for load in self.headers.loads if load.address <= address < load.address + load.file_size)
        return next((load.address + load.file_size - address for load in around), 0)

    def strings(self) -> bytes:
        """The string table that names are looked up in.

        Raises:
            ElfError: it is not there, or lies outside of the file.
        """
        address, size = self.value(DT_STRTAB), self.value(DT_STRSZ)
        if address is None or size is None:
            raise ElfError("the dynamic section names no string table")
        return self.at(address, size)


def read(source: Readable, headers: Headers) -> Dynamic | None:
    """The dynamic section, or None where the file has none (a static program).

    Raises:
        ElfError: it lies outside of the file, or is too long for one.
    """
    segment = headers.of_type(PT_DYNAMIC)
    if segment is None:
        return None
    if segment.file_size > MOST * 16:
        raise ElfError(f"the dynamic section has {segment.file_size} bytes, which no library has")
    data = source.at(segment.offset, segment.file_size)
    if len(data) != segment.file_size:
        raise ElfError("the dynamic section lies outside of the file")
    entries = []
    for tag, value in struct.iter_unpack("<QQ", data[: len(data) // 16 * 16]):
        if tag == 0:
            break
        entries.append((tag, value))
    return Dynamic(source, headers, tuple(entries))


def text(strings: bytes, offset: int) -> str:
    """The name at `offset` of a string table; bytes that are no UTF-8 come back as they were when it is encoded again.

    Raises:
        ElfError: it is not in the table, or does not end in it.
    """
    return name(strings, offset).decode("utf-8", "surrogateescape")


def name(strings: bytes, offset: int) -> bytes:
    """The bytes of the name at `offset` of a string table.

    Raises:
        ElfError: it is not in the table, does not end in it, or is longer than any name.
    """
    end = strings.find(b"\0", offset, offset + LONGEST) if 0 <= offset < len(strings) else -1
    if end < 0:
        raise ElfError(f"a name at {offset:#x} is not in the string table, which has {len(strings)} bytes")
    return strings[offset:end]
