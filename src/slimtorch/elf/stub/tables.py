"""The loader's tables of a stand-in: symbols, names, versions, hash (gABI chapters 4 and 5; LSB core for versions)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.elf.stub import hashing
from slimtorch.elf.symbols import ABSOLUTE, FUNC, IFUNC
from slimtorch.elf.versions import BASE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from slimtorch.elf.stub.exports import Exports
    from slimtorch.elf.symbols import Symbol
    from slimtorch.elf.versions import Definition

HIDDEN = 0x8000
GLOBAL_VERSION = 1


class Strings:
    """A string table that grows: each text once."""

    def __init__(self) -> None:
        self.data = bytearray(1)
        self._at = {b"": 0}

    def add(self, text: str) -> int:
        """Where the text stands in `data`."""
        name = text.encode("utf-8", "surrogateescape")
        if name not in self._at:
            self._at[name] = len(self.data)
            self.data += name + b"\0"
        return self._at[name]


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables as they stand in the file, but for the symbols, whose addresses are not known yet.

    `order` are the symbols in the order of their table, `names` where their names are; `versions` and `definitions`
    are empty for a library without versions, `count` says how many definitions there are.
    """

    order: tuple[Symbol, ...]
    names: tuple[int, ...]
    hash: bytes
    versions: bytes
    definitions: bytes
    count: int
    soname: int
    strings: bytes


def tables(exports: Exports, soname: str, defined: Sequence[Definition]) -> Tables:
    """The tables for what a stand-in offers, with the versions that its library defines."""
    strings = Strings()
    every = [*exports.functions, *exports.data, *exports.marks]
    order = tuple(sorted(every, key=lambda symbol: _bucket(symbol, len(every))))
    names = tuple(strings.add(symbol.name) for symbol in order)
    indexes = {definition.names[0]: definition.index for definition in defined if not definition.flags & BASE}
    versions = b"".join(_version(symbol, indexes) for symbol in order)
    return Tables(
        order,
        names,
        hashing.table([_encoded(symbol.name) for symbol in order]),
        b"\0\0" + versions if defined else b"",
        _definitions(defined, strings),
        len(defined),
        strings.add(soname),
        bytes(strings.data),
    )


def entries(found: Tables, spots: Mapping[Symbol, tuple[int, int]]) -> bytes:
    """The symbol table, null symbol first, once (section, address) of each symbol is known; others are absolute."""
    data = bytearray(24)
    for symbol, name in zip(found.order, found.names, strict=True):
        kind = FUNC if symbol.type == IFUNC else symbol.type
        section, value = spots.get(symbol, (ABSOLUTE, symbol.value))
        info = symbol.binding << 4 | kind
        data += struct.pack("<IBBHQQ", name, info, symbol.visibility, section, value, _size(symbol))
    return bytes(data)


def _size(symbol: Symbol) -> int:
    """Functions share their code, so the size of one says nothing."""
    return 0 if symbol.type in {FUNC, IFUNC} else symbol.size


def _bucket(symbol: Symbol, count: int) -> tuple[int, bytes, str]:
    name = _encoded(symbol.name)
    return hashing.gnu(name) % hashing.buckets(count), name, symbol.version


def _version(symbol: Symbol, indexes: Mapping[str, int]) -> bytes:
    index = indexes.get(symbol.version, GLOBAL_VERSION)
    return struct.pack("<H", index if symbol.default else index | HIDDEN)


def _definitions(defined: Sequence[Definition], strings: Strings) -> bytes:
    data = b""
    for number, item in enumerate(defined):
        size = 20 + 8 * len(item.names)
        following = size if number + 1 < len(defined) else 0
        name = hashing.sysv(_encoded(item.names[0]))
        data += struct.pack("<HHHHIII", 1, item.flags, item.index, len(item.names), name, 20, following)
        for left, text in zip(range(len(item.names) - 1, -1, -1), item.names, strict=True):
            data += struct.pack("<II", strings.add(text), 8 if left else 0)
    return data


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
