"""The dynamic symbols of a file with their versions (gABI, "Symbol Table"; LSB core, "Symbol Versioning").

Nothing is believed: tables are found by address as the loader finds them, and every position is checked.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.elf import dynamic as dynamic_section
from slimtorch.elf import versions
from slimtorch.elf.dynamic import DT_GNU_HASH, DT_HASH, DT_SYMTAB, DT_VERSYM, text
from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from slimtorch.elf.dynamic import Dynamic
    from slimtorch.elf.headers import Headers
    from slimtorch.elf.reading import Readable

SIZE = 24
"""Bytes of a symbol in a 64-bit file."""
MOST = 1 << 22
"""Symbols of one file above which it is no sane one."""
MOST_NAMES = 128 << 20
"""Bytes of the names of all symbols; they may share bytes of the string table, and must not become a bomb."""
LOCAL, GLOBAL, WEAK, UNIQUE = 0, 1, 2, 10
NOTYPE, OBJECT, FUNC, TLS, IFUNC = 0, 1, 2, 6, 10
BLOCK = 1 << 12
"""Words of a hash table that are read at once."""
UNDEFINED, ABSOLUTE = 0, 0xFFF1
SHT_DYNSYM = 11


@dataclass(frozen=True, slots=True)
class Symbol:
    """A dynamic symbol. `binding`, `type`, `visibility` and `section` are the numbers of the gABI, `size` is bytes.

    `version` is '' for none and for the file's base version; `default` says that a reference without a version means
    this one (``@@``). For an undefined symbol, `library` is the soname that the version is needed of.
    """

    name: str
    binding: int
    type: int
    visibility: int
    section: int
    value: int
    size: int
    version: str = ""
    default: bool = True
    library: str = ""

    @property
    def defined(self) -> bool:
        """Whether the file has it, and does not ask for it."""
        return self.section != UNDEFINED

    @property
    def exported(self) -> bool:
        """Whether other files may find it here."""
        return self.defined and self.binding != LOCAL and self.visibility in {0, 3}


def read(source: Readable, headers: Headers) -> tuple[Symbol, ...]:
    """The symbols in file order, without the null symbol; none for a file without a dynamic section.

    Raises:
        ElfError: a table leaves the file, a name leaves the string table, a version is none that the file speaks of.
    """
    dynamic = dynamic_section.read(source, headers)
    return of(dynamic) if dynamic and dynamic.value(DT_SYMTAB) is not None else ()


def of(dynamic: Dynamic) -> tuple[Symbol, ...]:
    """The symbols that a dynamic section leads to; as `read`."""
    table, strings, count = dynamic.value(DT_SYMTAB) or 0, dynamic.strings(), count_of(dynamic)
    data = dynamic.at(table, count * SIZE)
    named = versions.by_index(versions.definitions(dynamic, strings), versions.needs(dynamic, strings))
    marks = marks_of(dynamic, count)
    found, left = [], MOST_NAMES
    for at, (name, info, other, section, value, size) in enumerate(struct.iter_unpack("<IBBHQQ", data)):
        if at == 0:
            continue
        binding, mark = info >> 4, marks[at]
        called = text(strings, name)
        left -= len(called)
        if left < 0:
            raise ElfError("its dynamic symbols have more bytes of names than a library has")
        version, library = named.get(mark & 0x7FFF, ("", ""))
        if mark & 0x7FFF > 1 and mark & 0x7FFF not in named:
            raise ElfError(f"the symbol {called!r} has the version {mark & 0x7FFF}, which is not defined")
        # VER_NDX_LOCAL: the version script hid it, whatever its binding says.
        binding = LOCAL if mark & 0x7FFF == 0 and section != UNDEFINED else binding
        found.append(
            Symbol(
                called,
                binding,
                info & 15,
                other & 3,
                section,
                value,
                size,
                version,
                not mark & 0x8000,
                library,
            )
        )
    return tuple(found)


def count_of(dynamic: Dynamic) -> int:
    """How many symbols the table has, the null symbol included; no tag says so, the hash tables and sections do.

    Raises:
        ElfError: nothing says how many, or more than the file can hold.
    """
    table = dynamic.value(DT_SYMTAB) or 0
    sizes = [
        section.size // SIZE
        for section in dynamic.headers.sections
        if section.type == SHT_DYNSYM and section.address == table
    ]
    if (address := dynamic.value(DT_HASH)) is not None:
        sizes.append(struct.unpack("<4xI", dynamic.at(address, 8))[0])
    if (address := dynamic.value(DT_GNU_HASH)) is not None:
        sizes.append(_count_in_gnu_hash(dynamic, address))
    if not sizes:
        raise ElfError("nothing in the file says how many dynamic symbols it has")
    if max(sizes) > min(MOST, dynamic.room(table) // SIZE):
        raise ElfError(f"{max(sizes)} dynamic symbols do not fit where their table stands")
    return max(sizes)


def _count_in_gnu_hash(dynamic: Dynamic, address: int) -> int:
    """One more than the last symbol that any chain reaches (binutils' notes on ``DT_GNU_HASH``)."""
    buckets, first, bloom, _ = struct.unpack("<IIII", dynamic.at(address, 16))
    room = dynamic.room(address)
    if 16 + bloom * 8 + buckets * 4 > room:
        raise ElfError("the hash table of the dynamic symbols is larger than its segment")
    heads = address + 16 + bloom * 8
    last = max((head for (head,) in struct.iter_unpack("<I", dynamic.at(heads, buckets * 4))), default=0)
    if last < first:
        return int(first)
    chains = heads + buckets * 4
    place = chains + (last - first) * 4
    room = min(dynamic.room(place) // 4, MOST)
    for index in range(last, last + room, BLOCK):
        data = dynamic.at(place + (index - last) * 4, 4 * min(BLOCK, last + room - index))
        ends = (at for at, (value,) in enumerate(struct.iter_unpack("<I", data)) if value & 1)
        if (end := next(ends, None)) is not None:
            return index + end + 1
    raise ElfError("a chain in the hash table of the dynamic symbols has no end")


def marks_of(dynamic: Dynamic, count: int) -> tuple[int, ...]:
    """The version index of each symbol; 1, which every symbol without a version has, where the file knows none.

    Raises:
        ElfError: the table leaves the file.
    """
    address = dynamic.value(DT_VERSYM)
    return (1,) * count if address is None else struct.unpack(f"<{count}H", dynamic.at(address, count * 2))
