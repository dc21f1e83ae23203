from __future__ import annotations

import io
import shutil
import struct
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from slimtorch.elf import headers
from slimtorch.elf.headers import PT_TLS
from slimtorch.elf.reading import Bytes, opened
from slimtorch.errors import ElfError
from tests.support.elf import make_elf
from tests.support.libraries import make_library

LIBRARY = make_library(tls=b"12345678")
TABLE = struct.unpack_from("<Q", LIBRARY, 40)[0]
COUNT = struct.unpack_from("<H", LIBRARY, 60)[0]
NAMES = TABLE + 64 * (COUNT - 1)


def field(number: int, at: int) -> int:
    """The offset of a field of a program header."""
    return 64 + 56 * number + at


def changed(*fields: tuple[int, str, int], data: bytes = LIBRARY) -> Bytes:
    out = bytearray(data)
    for at, width, value in fields:
        struct.pack_into("<" + width, out, at, value)
    return Bytes(bytes(out))


@pytest.mark.parametrize(
    "data",
    [
        LIBRARY,
        make_library(machine="aarch64", own_header=True, align=0x10000),
        make_library(interpreter="/lib/ld.so", with_sections=False),
        make_library(kind=2, unloaded={}),
        make_elf(("libc.so.6",)),
    ],
)
def test_pyelftools_reads_the_same(data: bytes) -> None:
    _compare(headers.read(Bytes(data)), ELFFile(io.BytesIO(data)))


def test_pyelftools_reads_the_same_of_a_real_program() -> None:
    subject = Path(shutil.which("true") or "").resolve()
    with opened(subject) as source, subject.open("rb") as stream:
        _compare(headers.read(source), ELFFile(stream))


def _compare(found: headers.Headers | None, oracle: ELFFile) -> None:
    assert found is not None
    keys = ("p_type", "p_flags", "p_offset", "p_vaddr", "p_paddr", "p_filesz", "p_memsz", "p_align")
    types = {"PT_LOAD": 1, "PT_DYNAMIC": 2, "PT_NOTE": 4}
    theirs = [[segment[key] for key in keys] for segment in oracle.iter_segments()]
    ours = [[getattr(segment, name) for name in segment.__slots__] for segment in found.segments]
    assert [row[1:] for row in ours] == [row[1:] for row in theirs]
    assert [row[0] for row in ours if row[0] in types.values()] == [types[row[0]] for row in theirs if row[0] in types]
    keys = ("sh_flags", "sh_addr", "sh_offset", "sh_size", "sh_link", "sh_info", "sh_addralign", "sh_entsize")
    rows = [[section.name, *(section[key] for key in keys)] for section in oracle.iter_sections()]
    names = [name for name in headers.Section.__slots__ if name != "type"]
    assert [[getattr(section, name) for name in names] for section in found.sections] == rows


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x7fEL",
        b"#!/bin/sh\n",
        LIBRARY[:4] + b"\1" + LIBRARY[5:],
        LIBRARY[:5] + b"\2" + LIBRARY[6:],
        make_elf(machine="i686"),
        LIBRARY[:16] + b"\1" + LIBRARY[17:],
    ],
    ids=["empty", "short", "script", "32-bit", "big-endian", "other machine", "object file"],
)
def test_what_could_not_be_rewritten_is_none(data: bytes) -> None:
    assert headers.read(Bytes(data)) is None


LIES = {
    "the file ends inside its ELF header": Bytes(LIBRARY[:40]),
    "a size that the format does not know": changed((54, "H", 32)),
    "counts more headers": changed((56, "H", 0xFFFF)),
    "counts more headers than": changed((60, "H", 0xFFFF)),
    "counts more headers than a": changed((60, "H", 0)),
    "reaches past the end of the file": changed((32, "Q", len(LIBRARY) - 8)),
    "table of program or section headers reaches past": changed((40, "Q", 1 << 63)),
    "segment 0 reaches past the end of the file": changed((field(0, 32), "Q", 1 << 40), (field(0, 40), "Q", 1 << 40)),
    "segment 1 reaches past the end of the address space": changed((field(1, 40), "Q", 1 << 63)),
    "more bytes in the file than in memory": changed((field(1, 40), "Q", 1)),
    "cannot be mapped from where it is": changed((field(1, 16), "Q", 0x2001)),
    "cannot be mapped from": changed((field(1, 48), "Q", 0x3000)),
    "overlap": changed((field(0, 40), "Q", 1 << 30)),
    "no segment of it is loaded": changed(*((field(number, 0), "I", 99) for number in range(3))),
    "with the names of the sections does not exist": changed((62, "H", 0xF000)),
    "is no table of strings": changed((62, "H", 1)),
    "section 1 reaches past the end of the file": changed((TABLE + 64 + 24, "Q", 1 << 62)),
    "section 2 refers to a section that does not exist": changed((TABLE + 128 + 40, "I", 400)),
    "a section's name stands outside": changed((TABLE + 64, "I", 1 << 31)),
    "is no table of": changed((NAMES + 4, "I", 1)),
}


@pytest.mark.parametrize("message", LIES)
def test_lies_are_refused(message: str) -> None:
    with pytest.raises(ElfError, match=message):
        headers.read(LIES[message])


def test_where_things_are() -> None:
    found = headers.read(Bytes(LIBRARY))
    assert found is not None
    data = found.section(".data")
    tls = found.of_type(PT_TLS)
    assert data is not None
    assert tls is not None
    assert LIBRARY[tls.offset : tls.end] == b"12345678"
    assert data.address != data.offset
    assert found.offset_of(data.address, data.size) == data.offset
    assert found.address_of(data.offset, data.size) == data.address
    bss = found.section(".bss")
    assert bss is not None
    assert found.offset_of(bss.address) is None
    assert found.address_of(len(LIBRARY) - 1) is None
    assert found.section(".nothing") is None
