"""One container at one place, checked to its exact end (format: docs/design/device-code.md)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from slimtorch.elf.fatbin.model import Code, Kind

if TYPE_CHECKING:
    from slimtorch.elf.reading import Readable

MAGIC, VERSION = 0xBA55ED50, 1
HEADER = struct.Struct("<IHHQ")
"""Magic, version, size of this header, bytes that follow it."""
START = struct.pack("<IHH", MAGIC, VERSION, HEADER.size)
"""What every container begins with."""
ENTRY = struct.Struct("<HHIQIIHHIIIQQQ")
"""Kind, version, header size, payload size, compressed size, options, minor, major, architecture, name (2), flags,
reserved, unpacked size."""
MOST_ENTRIES = 1024
"""Entries of one container; the largest seen has some twenty."""
_LARGEST_HEADER = 1 << 20
_ARCHITECTURES = range(10, 1000)
_KINDS = {1: Kind.PTX, 2: Kind.CUBIN, 8: Kind.LTO_IR}
_ARCHITECTURE_SPECIFIC, _FAMILY_SPECIFIC = 0x100000, 0x200000
_LZ4, _ZSTD = 0x2000, 0x8000


def codes(source: Readable, offset: int, end: int) -> tuple[Code, ...] | None:
    """The entries of the container at `offset`, or None where there is none that ends exactly, at `end` or before."""
    total = size(source, offset, end)
    if total is None:
        return None
    found: list[Code] = []
    at, end = offset + HEADER.size, offset + total
    while at < end:
        code = _code(source, at, end)
        if code is None or len(found) == MOST_ENTRIES:
            return None
        found.append(code)
        at += code.size
    return tuple(found)


def size(source: Readable, offset: int, end: int) -> int | None:
    """Bytes of the container at `offset`, as its header says; None where no header is or it points behind `end`."""
    data = source.at(offset, HEADER.size)
    if len(data) != HEADER.size or not data.startswith(START):
        return None
    following: int = HEADER.unpack(data)[3]
    total = HEADER.size + following
    return total if offset + total <= end else None


def _code(source: Readable, at: int, end: int) -> Code | None:
    data = source.at(at, ENTRY.size)
    if len(data) != ENTRY.size:
        return None
    kind, _, header, payload, _, _, _, _, architecture, _, _, flags, _, unpacked = ENTRY.unpack(data)
    if not ENTRY.size <= header <= _LARGEST_HEADER or at + header + payload > end:
        return None
    packing = "lz4" if flags & _LZ4 else "zstd" if flags & _ZSTD else ""
    return Code(
        offset=at,
        size=header + payload,
        # An architecture that no GPU can have makes the entry one that we know nothing of.
        kind=_KINDS.get(kind, Kind.OTHER) if architecture in _ARCHITECTURES else Kind.OTHER,
        architecture=architecture,
        suffix="a" if flags & _ARCHITECTURE_SPECIFIC else "f" if flags & _FAMILY_SPECIFIC else "",
        packing=packing,
        unpacked=unpacked if packing else 0,
    )
