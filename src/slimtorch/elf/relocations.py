"""The words of a library that the loader fills in (gABI, chapter 5): RELA tables, and packed DT_RELR tables.

A relative relocation sets a word to the load address plus a value. The tables have millions of entries, so they are
read in blocks, and the caller says which places or values matter.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

from slimtorch.elf import dynamic
from slimtorch.elf.rewrite import Patch
from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from slimtorch.elf.headers import Headers
    from slimtorch.elf.memory import Span
    from slimtorch.elf.reading import Readable

RELATIVE = {"x86_64": 8, "aarch64": 1027}
"""R_X86_64_RELATIVE, R_AARCH64_RELATIVE (psABI of each machine)."""
RELA_SIZE, WORD = 24, 8
ADDEND = 16
"""Offset of r_addend in an entry."""
BLOCK = RELA_SIZE * 16384
MASK = (1 << 64) - 1
RELA, JMPREL, RELR = (7, 8), (23, 2), (36, 35)
"""Tags of a table's address and size: DT_RELA and DT_RELASZ, DT_JMPREL and DT_PLTRELSZ, DT_RELR and DT_RELRSZ."""


@dataclass(frozen=True, slots=True)
class Relocation:
    """An entry of a RELA table: `at` is its file offset, `address` the word's address, `type` and `symbol` numbers."""

    at: int
    address: int
    type: int
    symbol: int
    addend: int


@dataclass(frozen=True, slots=True)
class Relative:
    """A word that the loader sets to the load address plus `value`.

    `address` is the word's, `offset` where it stands in the file (None in memory that is not in the file), `addend`
    the file offset of the field that holds the value (None in a packed table: there the word itself holds it).
    """

    address: int
    offset: int | None
    value: int
    addend: int | None


def table(source: Readable, headers: Headers, tags: tuple[int, int], entry: int) -> tuple[int, int]:
    """(file offset, bytes) of the table whose address and size these `tags` hold; (0, 0) where there is none.

    Raises:
        ElfError: it is not in the file, or its size is no multiple of `entry` bytes.
    """
    tagged = dynamic.read(source, headers)
    address, size = (tagged.value(tags[0]), tagged.value(tags[1])) if tagged else (None, None)
    if tagged is None or address is None or not size:
        return (0, 0)
    if size % entry:
        raise ElfError(f"the table of relocations at {address:#x} has {size} bytes, no multiple of {entry}")
    return (tagged.offset(address, size), size)


def relative(
    source: Readable, headers: Headers, *, places: Sequence[Span] | None = None, values: Sequence[Span] | None = None
) -> Iterator[Relative]:
    """The relative relocations whose word lies in one of `places` and whose value lies in one of `values`; None: any.

    Raises:
        ElfError: a table is not in the file, or says something that no linker writes.
    """
    wanted = RELATIVE[headers.machine]
    for entry in entries(source, headers, places=places, addends=values):
        if entry.type == wanted:
            offset = headers.offset_of(entry.address, WORD)
            yield Relative(entry.address, offset, entry.addend, entry.at + ADDEND)
    yield from _packed(source, headers, places, values)


def entries(
    source: Readable, headers: Headers, *, places: Sequence[Span] | None = None, addends: Sequence[Span] | None = None
) -> Iterator[Relocation]:
    """All entries of the RELA tables (DT_RELA, DT_JMPREL) that are in `places` and have an addend in `addends`.

    Addends count as unsigned. An entry with a symbol refers to the symbol's address plus the addend.

    Raises:
        ElfError: a table is not in the file.
    """
    done = set()
    for pair in (RELA, JMPREL):
        start, size = table(source, headers, pair, RELA_SIZE)
        for at in range(start, start + size, BLOCK):
            count = min(BLOCK, start + size - at) // RELA_SIZE
            if (at, count) in done:  # some linkers let DT_RELA include DT_JMPREL
                continue
            done.add((at, count))
            yield from _block(source.at(at, count * RELA_SIZE), at, places, addends)


def writes(source: Readable, headers: Headers, places: Sequence[Span]) -> bool:
    """Whether the loader changes a byte of `places` by a relocation of any type.

    Raises:
        ElfError: a table is not in the file, or says something that no linker writes.
    """
    near = [(start - WORD + 1, end) for start, end in places]
    return any(True for _ in entries(source, headers, places=near)) or any(
        True for _ in _packed(source, headers, near, None)
    )


def _block(data: bytes, at: int, places: Sequence[Span] | None, addends: Sequence[Span] | None) -> Iterator[Relocation]:
    words = struct.unpack(f"<{len(data) // WORD}Q", data)
    numbers: Sequence[int] = range(len(words) // 3)
    numbers = _inside(numbers, words[0::3], places)
    numbers = _inside(numbers, [words[3 * number + 2] for number in numbers], addends)
    for number in numbers:
        address, info, addend = words[3 * number : 3 * number + 3]
        yield Relocation(at + RELA_SIZE * number, address, info & 0xFFFFFFFF, info >> 32, addend)


def _inside(numbers: Sequence[int], words: Sequence[int], spans: Sequence[Span] | None) -> Sequence[int]:
    """Those of `numbers` whose word lies in one of the spans."""
    if spans is None:
        return numbers
    if not spans:
        return ()
    low, high = min(start for start, _ in spans), max(end for _, end in spans)
    near = list(compress(zip(numbers, words, strict=True), [low <= word < high for word in words]))
    return [number for number, word in near if any(start <= word < end for start, end in spans)]


def _packed(
    source: Readable, headers: Headers, places: Sequence[Span] | None, values: Sequence[Span] | None
) -> Iterator[Relative]:
    start, size = table(source, headers, RELR, WORD)
    block, block_at = b"", 0
    for address in _unpacked(source, start, size):
        if places is not None and not any(low <= address < high for low, high in places):
            continue
        offset = headers.offset_of(address, WORD)
        if offset is None:
            raise ElfError(f"a packed relocation sets the word at {address:#x}, which is not in the file")
        if not block_at <= offset <= block_at + len(block) - WORD:
            block, block_at = source.at(offset, 1 << 16), offset
        value = int.from_bytes(block[offset - block_at : offset - block_at + WORD], "little")
        if values is None or any(low <= value < high for low, high in values):
            yield Relative(address, offset, value, None)


def _unpacked(source: Readable, start: int, size: int) -> Iterator[int]:
    """The addresses of a DT_RELR table: an even entry is an address, an odd one a map of the 63 words that follow."""
    address = None
    for at in range(start, start + size, BLOCK):
        data = source.at(at, min(BLOCK, start + size - at))
        for (entry,) in struct.iter_unpack("<Q", data):
            if not entry & 1:
                yield entry
                address = entry + WORD
                continue
            if address is None:
                raise ElfError("its table of packed relocations starts with a map of words")
            bits = entry >> 1
            while bits:
                yield address + WORD * ((bits & -bits).bit_length() - 1)
                bits &= bits - 1
            address += 63 * WORD


def patches(source: Readable, word: Relative, value: int) -> tuple[Patch, ...]:
    """What to write so that the word gets the load address plus `value`.

    That is the field in the table, and the word itself where it holds the value too.

    Raises:
        ElfError: neither is in the file.
    """
    data, found = (value & MASK).to_bytes(WORD, "little"), []
    if word.addend is not None:
        found.append(Patch(word.addend, data))
    stored = source.at(word.offset, WORD) if word.offset is not None else b""
    if word.offset is not None and (word.addend is None or stored == (word.value & MASK).to_bytes(WORD, "little")):
        found.append(Patch(word.offset, data))
    if not found:
        raise ElfError(f"the word at {word.address:#x} cannot be changed")
    return tuple(found)
