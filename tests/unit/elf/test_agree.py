"""The check of a rewritten library finds what a wrong rewrite would do; each test makes one kind of wrong file."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slimtorch.elf import agree, headers, relocations
from slimtorch.elf.memory import without
from slimtorch.elf.reading import Bytes
from slimtorch.elf.rewrite import Changes, Region, rewrite
from slimtorch.elf.splice import Copy
from tests.support.libraries import make_library

if TYPE_CHECKING:
    from slimtorch.elf.headers import Headers, Section

CODE = bytes(range(1, 251)) * 400
SECTIONS = {
    ".rodata": ("r", b"before" * 9),
    ".nv_fatbin": ("r", CODE),
    ".eh_frame": ("r", b"after" * 20),
    ".text": ("x", b"\xc3" * 500),
    ".data": ("w", bytes(640)),
}
POINTERS = (((".data", 0), (".nv_fatbin", 0)), ((".data", 64), (".nv_fatbin", 50_000)), ((".data", 8), (".rodata", 4)))
OLD = make_library(SECTIONS, pointers=POINTERS, own_header=True, tls=b"12345678", symbols={"blob": (".rodata", 0)})


def opened(data: bytes) -> Headers:
    found = headers.read(Bytes(data))
    assert found is not None
    return found


def named(found: Headers, name: str) -> Section:
    section = found.section(name)
    assert section is not None
    return section


HEADERS = opened(OLD)
DEVICE_CODE = agree.spans(HEADERS, [".nv_fatbin"])


def rewritten() -> bytes:
    """A right one: half of the device code moved to the front of its section, and the second pointer with it."""
    source, section = Bytes(OLD), named(HEADERS, ".nv_fatbin")
    start = section.offset
    region = Region(start, section.end, (Copy(start, 1000), Copy(start + 50_000, 1000)))
    (word,) = relocations.relative(source, HEADERS, values=[(section.address + 1, section.address + section.size)])
    patches = relocations.patches(source, word, section.address + 1000)
    return b"".join(rewrite(source, HEADERS, Changes([region], patches, bare=True)).blocks(source))


NEW = rewritten()
AFTER = opened(NEW)


def broken(*fields: tuple[int, str, int], data: bytes = NEW) -> bytes:
    out = bytearray(data)
    for at, width, value in fields:
        struct.pack_into("<" + width, out, at, value)
    return bytes(out)


def segment(number: int, at: int) -> int:
    return AFTER.segments_at + 56 * number + at


def section(name: str, at: int) -> int:
    return AFTER.sections_at + 64 * [one.name for one in AFTER.sections].index(name) + at


def complaints(data: bytes) -> str:
    return "; ".join(agree.complaints(Bytes(OLD), Bytes(data), DEVICE_CODE))


def test_a_right_one_has_no_complaints() -> None:
    assert complaints(NEW) == ""
    assert complaints(OLD) == ""
    assert len(AFTER.loads) == len(HEADERS.loads) + 1


def test_device_code_must_be_declared() -> None:
    found = agree.complaints(Bytes(OLD), Bytes(NEW))
    assert any("the memory differs" in one for one in found)
    assert any(".nv_fatbin tells a wrong place" in one for one in found)


PIECE = next(number for number, one in enumerate(AFTER.segments) if one == AFTER.loads[0])
TLS = next(number for number, one in enumerate(AFTER.segments) if one.type == headers.PT_TLS)
WRONG = {
    "the ELF header differs": broken((24, "Q", 0x1234)),
    "the segment at 0x0 has a hole in memory": broken((segment(PIECE, 40), "Q", AFTER.loads[0].file_size)),
    "has other rights": broken((segment(PIECE, 4), "I", 7)),
    "does not end where it did": broken((segment(PIECE + 3, 40), "Q", AFTER.loads[3].memory_size + 8)),
    "does not begin where it did": broken(
        (segment(PIECE + 2, 16), "Q", AFTER.loads[2].address - 0x1000),
        (segment(PIECE + 2, 8), "Q", AFTER.loads[2].offset - 0x1000),
    ),
    "asks for another alignment": broken((segment(PIECE, 48), "Q", 0x2000)),
    "cannot be mapped": broken((segment(PIECE + 1, 8), "Q", AFTER.loads[1].offset + 8)),
    "program headers beside those": broken((segment(TLS, 40), "Q", 9)),
    "tells a wrong place in the file": broken((segment(TLS, 8), "Q", AFTER.segments[TLS].offset - 4096)),
    "program header of the program headers tells": broken((segment(0, 16), "Q", 64)),
    "program headers beside": broken((segment(0, 0), "I", 0)),
    "the dynamic section differs": broken((named(AFTER, ".dynamic").offset, "Q", 0x6FFFFFFF)),
    "the memory differs": broken((named(AFTER, ".text").offset + 499, "B", 0)),
    "the memory differs between": broken((named(AFTER, ".dynsym").offset + 24, "I", 2)),
    "other words lead into": broken((named(AFTER, ".rela.dyn").offset + 16, "Q", 5)),
    "does not hold what its relocation says": broken((named(AFTER, ".data").offset + 64, "Q", 5)),
    "the number of sections differs": broken((40, "Q", 0), (60, "I", 0)),
    "the header of the section .text differs": broken((section(".text", 8), "Q", 2)),
    "the header of the section .eh_frame tells a wrong place": broken((section(".eh_frame", 24), "Q", 4096)),
    "the header of the section .nv_fatbin tells": broken((section(".nv_fatbin", 24), "Q", 4096)),
    "the header of the section .data is gone": broken((section(".data", 4), "I", 0)),
    "the header of the section .shstrtab differs": broken((len(NEW) - 64 * len(AFTER.sections) - 16, "B", 0x41)),
    "could be rewritten": b"no ELF file",
    "past the end of the file": NEW[:-1],
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_one_is_found(message: str) -> None:
    assert message in complaints(WRONG[message])


def test_a_pointer_that_was_forgotten_is_not_for_this_check_but_one_that_leaves_the_section_is() -> None:
    section_end = DEVICE_CODE[0][1]
    table = named(AFTER, ".rela.dyn").offset
    row = next(at for at in range(table, table + 72, 24) if NEW[at : at + 8] == _address(".data", 64))
    data = broken((row + 16, "Q", section_end + 4), (named(AFTER, ".data").offset + 64, "Q", section_end + 4))
    assert "other words lead into what was changed" in complaints(data)


def _address(name: str, into: int) -> bytes:
    return struct.pack("<Q", named(AFTER, name).address + into)


CODE_IN_FILE = (named(AFTER, ".nv_fatbin").offset, AFTER.offset_of(DEVICE_CODE[0][1]) or 0)
LOADED = list(without([(load.offset, load.end) for load in AFTER.loads], [CODE_IN_FILE, (32, 48), (56, 58)]))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_loaded_byte_may_differ(data: st.DataObject) -> None:
    low, high = data.draw(st.sampled_from(LOADED))
    at = data.draw(st.integers(low, high - 1))
    assert complaints(broken((at, "B", NEW[at] ^ data.draw(st.integers(1, 255))))) != ""


def test_holes_are_left_out() -> None:
    spans = [(0, 100), (200, 300)]
    assert list(without(spans, [(250, 260), (90, 210), (10, 20), (15, 18), (299, 400)])) == [
        *((0, 10), (20, 90), (210, 250), (260, 299)),
    ]
    assert list(without(spans, [])) == spans
    assert list(without(spans, [(0, 300)])) == []
