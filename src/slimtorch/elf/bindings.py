"""What a file asks of others and what it offers them, small enough to keep for every library of a tree at once."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.elf import dynamic, versions
from slimtorch.elf.dynamic import DT_SYMTAB
from slimtorch.elf.symbols import LOCAL, MOST_NAMES, SIZE, UNDEFINED, count_of, marks_of
from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from slimtorch.elf.dynamic import Dynamic
    from slimtorch.elf.headers import Headers
    from slimtorch.elf.reading import Readable

HIDDEN, INDEX = 0x8000, 0x7FFF
PLAIN = b"*"
"""Stands for the version of a symbol that has none, which fits every reference."""
ANY = b""
"""Stands for the version of a reference that names none."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A symbol that a file asks for, with the version that it asks for or ''."""

    name: bytes
    version: bytes

    def __str__(self) -> str:
        """The reference as tools write it."""
        name = self.name.decode(errors="replace")
        return f"{name}@{self.version.decode(errors='replace')}" if self.version else name


@dataclass(frozen=True, slots=True)
class Bindings:
    """`wanted` is what the file asks for; what it offers is kept as the hashes of (name, version)."""

    wanted: frozenset[Reference] = frozenset()
    offered: frozenset[int] = frozenset()

    def has(self, reference: Reference) -> bool:
        """Whether the loader would take the file's symbol for the reference (do_lookup_x of glibc's ld.so)."""
        name, version = reference.name, reference.version
        return hash((name, version)) in self.offered or hash((name, PLAIN)) in self.offered


def read(source: Readable, headers: Headers) -> Bindings:
    """The bindings of a file; none for one without a dynamic section.

    Raises:
        ElfError: its tables lie (as `symbols.read`).
    """
    section = dynamic.read(source, headers)
    if section is None or section.value(DT_SYMTAB) is None:
        return Bindings()
    wanted, offered = set(), set()
    for name, defined, version, hidden in _rows(section):
        if not defined:
            wanted.add(Reference(name, version if version != PLAIN else ANY))
            continue
        offered.add(hash((name, version)))
        if version != PLAIN and not hidden:
            offered.add(hash((name, ANY)))
    return Bindings(frozenset(wanted), frozenset(offered))


def _rows(section: Dynamic) -> Iterator[tuple[bytes, bool, bytes, bool]]:
    """(name, whether it is defined, version, whether only references with the version may have it) of each symbol."""
    strings, count, left = section.strings(), count_of(section), MOST_NAMES
    data = section.at(section.value(DT_SYMTAB) or 0, count * SIZE)
    marks = marks_of(section, count)
    names = _versions(section, strings)
    for (at, info, other, place, _, _), mark in zip(struct.iter_unpack("<IBBHQQ", data), marks, strict=True):
        defined = place != UNDEFINED
        if info >> 4 == LOCAL or (defined and (other & 3 not in {0, 3} or mark & INDEX == 0)):
            continue
        name = dynamic.name(strings, at)
        left -= len(name)
        if left < 0:
            raise ElfError("its dynamic symbols have more bytes of names than a library has")
        yield name, defined, names.get(mark & INDEX, PLAIN), bool(mark & HIDDEN)


def _versions(section: Dynamic, strings: bytes) -> Mapping[int, bytes]:
    named = versions.by_index(versions.definitions(section, strings), versions.needs(section, strings))
    return {index: name.encode("utf-8", "surrogateescape") for index, (name, _) in named.items() if name}
