"""Small shared libraries with dynamic symbols and versions, written by other code than the one under test.

They have a ``DT_HASH`` table, one loaded segment whose addresses are file offsets plus `BASE`, and no sections.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tests.support.elf import MACHINES

BASE = 0x10000
FUNC, OBJECT, NOTYPE, TLS, IFUNC = 2, 1, 0, 6, 10
LOCAL, GLOBAL, WEAK, UNIQUE = 0, 1, 2, 10
UNDEFINED, SOMEWHERE, ABSOLUTE = 0, 5, 0xFFF1
ROOM = 0x1000
"""Bytes of memory, behind the tables, that symbols may point to: address `BASE` + 0x100000 and on."""
SPACE = BASE + 0x100000


@dataclass(frozen=True)
class Named:
    """A symbol. `version` is a name of `versions`, ``lib:name`` for one that is needed of another library, or ''."""

    name: str
    version: str = ""
    type: int = FUNC
    binding: int = GLOBAL
    section: int = SOMEWHERE
    value: int = SPACE
    size: int = 0
    hidden: bool = False


def make_library(
    symbols: tuple[Named, ...],
    *,
    soname: str = "libx.so.1",
    versions: tuple[str, ...] = (),
    needed: tuple[str, ...] = (),
    runpath: str = "",
    machine: str = "x86_64",
) -> bytes:
    """The library; `versions` are the ones that it defines, beside the base version."""
    texts = _Texts()
    rows = [(11, 24), *((1, texts(name)) for name in needed), (14, texts(soname))]
    rows += [(29, texts(runpath))] if runpath else []
    indexes = {name: number for number, name in enumerate(versions, 2)}
    wanted = sorted({symbol.version for symbol in symbols if ":" in symbol.version})
    indexes |= {name: number for number, name in enumerate(wanted, len(versions) + 2)}
    table = bytes(24) + b"".join(_symbol(symbol, texts) for symbol in symbols)
    marks = struct.pack("<H", 0) + b"".join(
        struct.pack("<H", indexes.get(symbol.version, 1) | symbol.hidden << 15) for symbol in symbols
    )
    chunks = [(6, table), (4, _hash(len(symbols) + 1))]
    if versions or wanted:
        chunks.append(((0x6FFFFFF0), marks))
    if versions:
        chunks.append(((0x6FFFFFFC), _definitions((soname, *versions), texts)))
        rows.append((0x6FFFFFFD, len(versions) + 1))
    if wanted:
        chunks.append(((0x6FFFFFFE), _needs(wanted, indexes, texts)))
        rows.append((0x6FFFFFFF, len(wanted)))
    chunks.append(((5), bytes(texts.data)))
    return _file(rows, chunks, len(texts.data), machine)


class _Texts:
    def __init__(self) -> None:
        self.data = bytearray(1)

    def __call__(self, text: str) -> int:
        self.data += text.encode("utf-8", "surrogateescape") + b"\0"
        return len(self.data) - len(text.encode("utf-8", "surrogateescape")) - 1


def _symbol(symbol: Named, texts: _Texts) -> bytes:
    info = symbol.binding << 4 | symbol.type
    return struct.pack("<IBBHQQ", texts(symbol.name), info, 0, symbol.section, symbol.value, symbol.size)


def _hash(count: int) -> bytes:
    """One bucket, one chain: nobody looks anything up here, the count is what matters."""
    return struct.pack(f"<III{count}I", 1, count, min(1, count - 1), *((n + 1) % count for n in range(count)))


def _definitions(names: tuple[str, ...], texts: _Texts) -> bytes:
    data = b""
    for number, name in enumerate(names, 1):
        following = 28 if number < len(names) else 0
        data += struct.pack("<HHHHIIIII", 1, number == 1, number, 1, 0, 20, following, texts(name), 0)
    return data


def _needs(wanted: list[str], indexes: dict[str, int], texts: _Texts) -> bytes:
    data = b""
    for number, version in enumerate(wanted, 1):
        library, _, name = version.partition(":")
        following = 32 if number < len(wanted) else 0
        data += struct.pack("<HHIII", 1, 1, texts(library), 16, following)
        data += struct.pack("<IHHII", 0, 0, indexes[version], texts(name), 0)
    return data


def _file(rows: list[tuple[int, int]], chunks: list[tuple[int, bytes]], strings: int, machine: str) -> bytes:
    start = 64 + 3 * 56
    size = 16 * (len(rows) + len(chunks) + 2)
    at, body, found = start + size, b"", list(rows)
    for tag, data in chunks:
        padding = -(at + len(body)) % 8
        body += bytes(padding)
        found.append((tag, BASE + at + len(body)))
        body += data
    found += [(10, strings), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *row) for row in found)
    total = at + len(body)
    header = struct.pack(
        "<4s5B7xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 0, 3, MACHINES[machine], 1, 0, 64, 0, 0, 64, 56, 3, 64, 0, 0
    )
    segments = _segment(1, 6, 0, BASE, total, total) + _segment(2, 6, start, BASE + start, size, size)
    segments += _segment(1, 5, 0, SPACE, 0, ROOM)
    return header + segments + dynamic + body


def _segment(kind: int, flags: int, offset: int, address: int, stored: int, memory: int) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, flags, offset, address, address, stored, memory, 0x1000)
