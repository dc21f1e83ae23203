"""Damage as bytes that a fuzzer can learn from: which library, then which words of it are wrong, and how.

A mutation of one byte changes one thing of one word, so that what was gained by the words before is not lost.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from slimtorch.elf.headers import HEADER, MAGIC, SECTION, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Sequence

RECORD = struct.Struct("<BHBi")
"""Which area of the file, where in it, how the word changes and how wide it is, a value."""
MOST = 12
"""Words of one library that are changed."""
WIDTHS = "BHIQ"


def damaged(data: bytes, libraries: Sequence[bytes]) -> bytes:
    """The library that the first byte names, with the words changed that the rest tells of; a whole file as it is."""
    if data.startswith(MAGIC):
        return data
    library = bytearray(libraries[data[0] % len(libraries)] if data else libraries[0])
    areas = _areas(library)
    usable = data[1 : 1 + RECORD.size * MOST]
    for area, where, how, value in RECORD.iter_unpack(usable[: len(usable) // RECORD.size * RECORD.size]):
        _change(library, areas[area % len(areas)], where, how, value)
    return bytes(library)


def _areas(library: bytearray) -> list[tuple[int, int]]:
    """What is worth damaging: the headers, and each section; then the whole file."""
    (segments_at, sections_at), (segments, _, sections) = (
        struct.unpack_from("<QQ", library, 32),
        struct.unpack_from("<HHH", library, 56),
    )
    areas = [(0, HEADER.size), (segments_at, segments_at + SEGMENT.size * segments)]
    rows = range(sections_at, sections_at + SECTION.size * sections, SECTION.size)
    areas += [(rows.start, rows.stop)] if sections else []
    for at in rows:
        _, kind, _, _, offset, size, *_ = SECTION.unpack_from(library, at)
        areas += [(offset, offset + size)] if kind not in {0, 8} and size else []
    return [*areas, (0, len(library))]


def _change(library: bytearray, area: tuple[int, int], where: int, how: int, value: int) -> None:
    """One word less or more, or another one; most words of the format are aligned to 4 bytes."""
    width = WIDTHS[how & 3]
    size = struct.calcsize(width)
    low, high = area
    step = 1 if how & 4 else 4
    at = low + where * step % max(1, high - low)
    if at + size > len(library):
        return
    (old,) = struct.unpack_from(f"<{width}", library, at)
    values = (value, old + value, value % (len(library) + 1), old + 8 * value, 1 << value % 64, old ^ 1 << value % 64)
    struct.pack_into(f"<{width}", library, at, values[(how >> 3) % len(values)] % (1 << 8 * size))
