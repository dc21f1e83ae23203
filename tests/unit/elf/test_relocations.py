from __future__ import annotations

import struct

import pytest

from slimtorch.elf import headers, relocations
from slimtorch.elf.reading import Bytes
from slimtorch.elf.rewrite import Changes, rewrite
from slimtorch.elf.splice import Spliced
from slimtorch.errors import ElfError
from tests.support.libraries import make_library

SECTIONS = {
    ".blob": ("r", bytes(4096)),
    ".other": ("r", bytes(64)),
    ".data": ("w", bytes(8 * 300)),
    ".wrappers": ("w", bytes(256)),
}
# Neighbours, a word further on, and words that are more than one map (63 words) away.
WORDS = [0, 8, 24, 8 * 63, 8 * 64, 8 * 130, 8 * 299]
POINTERS = (
    *(((".data", at), (".blob", at)) for at in WORDS),
    ((".wrappers", 8), (".blob", 100)),
    ((".wrappers", 32), (".other", 1)),
)
KINDS = {
    "x86_64 RELA": make_library(SECTIONS, pointers=POINTERS),
    "aarch64 RELA, zeros in place": make_library(SECTIONS, pointers=POINTERS, machine="aarch64", in_place=False),
    "RELR": make_library(SECTIONS, pointers=POINTERS, packed=True),
}


def opened(data: bytes) -> tuple[Bytes, headers.Headers]:
    found = headers.read(Bytes(data))
    assert found is not None
    return Bytes(data), found


def span(found: headers.Headers, name: str) -> tuple[int, int]:
    section = found.section(name)
    assert section is not None
    return section.address, section.address + section.size


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_is_found_with_its_value(kind: str) -> None:
    source, found = opened(KINDS[kind])
    blob, other, data, wrappers = (span(found, name)[0] for name in SECTIONS)
    expected = {data + at: blob + at for at in WORDS} | {wrappers + 8: blob + 100, wrappers + 32: other + 1}
    words = list(relocations.relative(source, found))
    assert {word.address: word.value for word in words} == expected
    assert len(words) == len(expected)
    for word in words:
        assert word.offset == found.offset_of(word.address)
        assert (word.addend is None) == (kind == "RELR")


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_places_and_values_asked_for(kind: str) -> None:
    source, found = opened(KINDS[kind])
    wrappers, other = span(found, ".wrappers"), span(found, ".other")
    both = [word.address - wrappers[0] for word in relocations.relative(source, found, places=[wrappers])]
    assert both == [8, 32]
    (word,) = relocations.relative(source, found, values=[other, (0, 0)])
    assert word.address == wrappers[0] + 32
    (word,) = relocations.relative(source, found, places=[wrappers], values=[other])
    assert word.value == other[0] + 1
    assert not list(relocations.relative(source, found, places=[]))
    assert not list(relocations.relative(source, found, values=[(0, 8)]))


@pytest.mark.parametrize("kind", KINDS)
def test_patches_change_the_value(kind: str) -> None:
    source, found = opened(KINDS[kind])
    place = span(found, ".wrappers")
    word, other = relocations.relative(source, found, places=[place])
    patches = relocations.patches(source, word, word.value + 48)
    assert len(patches) == (2 if kind == "x86_64 RELA" else 1)
    result = Spliced(source, rewrite(source, found, Changes(patches=patches)))
    again = headers.read(result)
    assert again is not None
    changed, same = relocations.relative(result, again, places=[place])
    assert (changed.address, changed.value) == (word.address, word.value + 48)
    assert same == other
    assert changed.offset is not None
    if kind != "aarch64 RELA, zeros in place":
        assert result.at(changed.offset, 8) == struct.pack("<Q", word.value + 48)


def test_packed_words_are_decoded_as_the_gabi_says() -> None:
    # An address, a map of words 0, 2 and 62 behind it, a map of the next 63 words, another address.
    table = struct.pack("<4Q", 0x1000, 1 | 1 << 1 | 1 << 3 | 1 << 63, 1 | 1 << 1, 0x8000)
    words = [0x1000, 0x1008, 0x1018, 0x1008 + 62 * 8, 0x1008 + 63 * 8, 0x8000]
    assert list(relocations._unpacked(Bytes(table), 0, len(table))) == words


def test_entries_of_other_types_are_told_apart() -> None:
    data = bytearray(KINDS["x86_64 RELA"])
    source, found = opened(bytes(data))
    first = next(relocations.entries(source, found))
    struct.pack_into("<Q", data, first.at + 8, 7 << 32 | 1)
    source, found = opened(bytes(data))
    changed = next(relocations.entries(source, found))
    assert (changed.type, changed.symbol, changed.addend) == (1, 7, first.addend)
    assert len(list(relocations.relative(source, found))) == len(POINTERS) - 1


@pytest.mark.parametrize(
    ("kind", "tag", "value", "message"),
    [
        ("x86_64 RELA", 8, 25, "no multiple of 24"),
        ("x86_64 RELA", 8, 24 << 40, "in no loaded segment"),
        ("x86_64 RELA", 7, 1 << 60, "in no loaded segment"),
        ("RELR", 35, 9, "no multiple of 8"),
        ("RELR", 36, 1 << 62, "in no loaded segment"),
    ],
)
def test_tables_that_lie_are_refused(kind: str, tag: int, value: int, message: str) -> None:
    data = bytearray(KINDS[kind])
    _, found = opened(bytes(data))
    section = found.section(".dynamic")
    assert section is not None
    for at in range(section.offset, section.end, 16):
        if struct.unpack_from("<Q", data, at)[0] == tag:
            struct.pack_into("<Q", data, at + 8, value)
    with pytest.raises(ElfError, match=message):
        list(relocations.relative(*opened(bytes(data))))


@pytest.mark.parametrize(("entry", "message"), [(1 << 40, "not in the file"), (3, "starts with a map")])
def test_packed_words_that_lie_are_refused(entry: int, message: str) -> None:
    data = bytearray(KINDS["RELR"])
    _, found = opened(bytes(data))
    section = found.section(".relr.dyn")
    assert section is not None
    struct.pack_into("<Q", data, section.offset, entry)
    with pytest.raises(ElfError, match=message):
        list(relocations.relative(*opened(bytes(data))))


def test_a_file_without_relocations_has_none() -> None:
    assert not list(relocations.relative(*opened(make_library())))
