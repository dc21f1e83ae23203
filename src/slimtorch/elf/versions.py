"""Symbol versions (LSB core, "Symbol Versioning"): which ones a library defines, and which it needs of others."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.elf.dynamic import DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM, text
from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from slimtorch.elf.dynamic import Dynamic

BASE = 1
"""The flag of the definition that names the file itself (VER_FLG_BASE)."""
MOST = 1 << 15
"""Indexes have fifteen bits."""
LONGEST = 1 << 10
"""Characters of a version's name above which it is no sane one."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A version that the library defines: `names` are its own name and those of the versions it inherits from."""

    index: int
    flags: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Need:
    """A version that the library needs of `library`; `weak` when it may lack (VER_FLG_WEAK)."""

    index: int
    library: str
    name: str
    weak: bool


def definitions(dynamic: Dynamic, strings: bytes) -> tuple[Definition, ...]:
    """What the library defines, in file order.

    Raises:
        ElfError: the table leaves the file, or says that it has more than there can be.
    """
    found, total = [], 0
    for at in _chain(dynamic, DT_VERDEF, DT_VERDEFNUM, 20, "<16xI"):
        _, flags, index, count, _, aux, _ = struct.unpack("<HHHHIII", dynamic.at(at, 20))
        total += count
        if not count or total > MOST:
            raise ElfError(f"its version definitions have {total} names, one of them {count}")
        names, place = [], at + aux
        for _ in range(count):
            name, following = struct.unpack("<II", dynamic.at(place, 8))
            names.append(_name(strings, name))
            place += following
            if not following:
                break
        found.append(Definition(index & 0x7FFF, flags, tuple(names)))
    return tuple(found)


def needs(dynamic: Dynamic, strings: bytes) -> tuple[Need, ...]:
    """What the library needs of others, in file order.

    Raises:
        ElfError: the table leaves the file, or says that it has more than there can be.
    """
    found: list[Need] = []
    for at in _chain(dynamic, DT_VERNEED, DT_VERNEEDNUM, 16, "<12xI"):
        _, count, file, aux, _ = struct.unpack("<HHIII", dynamic.at(at, 16))
        library, place = text(strings, file), at + aux
        for _ in range(count):
            _, flags, index, name, following = struct.unpack("<IHHII", dynamic.at(place, 16))
            found.append(Need(index & 0x7FFF, library, _name(strings, name), bool(flags & 2)))
            place += following
            if len(found) > MOST:
                raise ElfError("the table of needed versions has more entries than there are versions")
            if not following:
                break
    return tuple(found)


def _name(strings: bytes, at: int) -> str:
    found = text(strings, at)
    if len(found) > LONGEST:
        raise ElfError(f"a version's name has {len(found)} characters")
    return found


def by_index(defined: tuple[Definition, ...], needed: tuple[Need, ...]) -> Mapping[int, tuple[str, str]]:
    """(version, library it is needed of or '') by the index that symbols give; the file's own base version is ''."""
    table = {need.index: (need.name, need.library) for need in needed}
    table.update({item.index: ("" if item.flags & BASE else item.names[0], "") for item in defined})
    return table


def _chain(dynamic: Dynamic, start: int, number: int, size: int, layout: str) -> Iterator[int]:
    """The addresses of the records of a table whose last field leads to the next one."""
    address, count = dynamic.value(start), dynamic.value(number)
    if address is None:
        return
    if count is None or count >= MOST:
        raise ElfError(f"the version table at {address:#x} has {count} entries")
    for _ in range(count):
        yield address
        (following,) = struct.unpack(layout, dynamic.at(address, size))
        if not following:
            return
        address += following
