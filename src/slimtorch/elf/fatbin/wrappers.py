"""Who points to containers: the wrappers that a library registers with the CUDA runtime (`__fatBinC_Wrapper_t`).

A wrapper is 24 bytes: magic, version, the container's address, and for version 2 the address of a list of further
containers, which were linked before. The loader fills in the addresses, so that each has a relative relocation.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from slimtorch.elf import relocations
from slimtorch.elf.fatbin.find import FATBIN_SECTIONS
from slimtorch.elf.symbols import SHT_DYNSYM, SIZE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from slimtorch.elf.fatbin.places import Places
    from slimtorch.elf.headers import Headers
    from slimtorch.elf.memory import Span
    from slimtorch.elf.reading import Readable
    from slimtorch.elf.relocations import Relative

SECTION = frozenset({".nvFatBinSegment"})
WRAPPER = struct.Struct("<IIQQ")
MAGIC = 0x466243B1
LINKED_BEFORE = 2
_DATA, _LIST = 8, 16
_SYMBOLS = SIZE << 14
"""Bytes of symbols that are read at once."""


def words(source: Readable, headers: Headers, places: Places) -> tuple[Relative, ...]:
    """Every word that the loader sets to an address in a section of device code.

    Raises:
        ElfError: the tables of relocations are damaged.
    """
    spans = addresses(places, FATBIN_SECTIONS)
    return tuple(relocations.relative(source, headers, values=spans)) if spans else ()


def addresses(places: Places, names: Collection[str]) -> list[Span]:
    """What the sections of these names occupy in memory."""
    return [(piece.address, piece.address + piece.size) for piece in places.of(names)]


def explain(
    source: Readable, headers: Headers, places: Places, found: Sequence[Relative], starts: Collection[int]
) -> bool:
    """Whether wrappers account for every one of the words, and every word hits the start of a container.

    `starts` are the containers' addresses. If so, nobody else knows where a container is, and those that words point
    to may move.
    """
    at = {word.address for word in found}
    data, lists = _wrapped(source, places, at)
    if lists:
        data |= _listed(source, headers, lists, at)
    return at <= data and all(word.value in starts for word in found) and not _exported(source, headers, places)


def _wrapped(source: Readable, places: Places, at: Collection[int]) -> tuple[set[int], set[int]]:
    """Of the addresses those that are a wrapper's pointer; and where wrappers point to lists."""
    data, lists = set(), set()
    pieces = places.of(SECTION)
    for address in at:
        start = address - _DATA
        offset = next((one.offset + start - one.address for one in pieces if 0 <= start - one.address < one.size), None)
        head = source.at(offset, WRAPPER.size) if offset is not None else b""
        if len(head) == WRAPPER.size and WRAPPER.unpack(head)[0] == MAGIC:
            data.add(address)
            if WRAPPER.unpack(head)[1] >= LINKED_BEFORE:
                lists.add(start + _LIST)
    return data, lists


def _listed(source: Readable, headers: Headers, lists: set[int], at: Collection[int]) -> set[int]:
    """The words of the lists that start where the words in `lists` point to."""
    spans: list[Span] = [(address, address + 1) for address in lists]
    found = set()
    for word in relocations.relative(source, headers, places=spans):
        address = word.value
        while address in at and address not in found:
            found.add(address)
            address += relocations.WORD
    return found


def _exported(source: Readable, headers: Headers, places: Places) -> bool:
    """Whether a dynamic symbol stands in a section of device code, so that others may know the place."""
    spans = addresses(places, FATBIN_SECTIONS)
    for section in headers.sections:
        if section.type != SHT_DYNSYM:
            continue
        for at in range(section.offset, section.end, _SYMBOLS):
            block = source.at(at, min(_SYMBOLS, section.end - at))
            for value in struct.unpack_from(f"<{len(block) // 8}Q", block)[1::3]:
                if any(low <= value < high for low, high in spans):
                    return True
    return False
