"""Version tables that would take for ever: records and names may overlap in a file, as often as it likes."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from slimtorch.elf import dynamic, headers, symbols, versions
from slimtorch.elf.dynamic import DT_GNU_HASH, DT_STRSZ, DT_STRTAB, DT_SYMTAB, DT_VERDEF, DT_VERDEFNUM, Dynamic
from slimtorch.elf.headers import PT_LOAD, SHT_NULL
from slimtorch.elf.reading import Bytes
from slimtorch.errors import ElfError
from tests.support.libraries import make_library


def leading_to(data: bytes, **tags: int) -> Dynamic:
    """A dynamic section whose tables stand in `data`, addresses being offsets."""
    library = headers.read(Bytes(make_library()))
    assert library is not None
    load = replace(library.loads[0], type=PT_LOAD, offset=0, address=0, file_size=len(data), memory_size=len(data))
    sections = tuple(replace(section, type=SHT_NULL) for section in library.sections)
    names = {"strings": DT_STRTAB, "strings_size": DT_STRSZ, "symbols": DT_SYMTAB, "hashes": DT_GNU_HASH}
    names |= {"defined": DT_VERDEF, "defined_count": DT_VERDEFNUM}
    entries = tuple((names[name], value) for name, value in tags.items())
    return Dynamic(Bytes(data), replace(library, segments=(load,), sections=sections, size=len(data)), entries)


def test_definitions_that_share_their_names() -> None:
    count, shared = 200, 20 * 200
    rows = [struct.pack("<HHHHIII", 1, 0, 2, 1000, 0, shared - 20 * number, 20) for number in range(count)]
    data = b"".join(rows) + struct.pack("<II", 1, 8) * 1000
    with pytest.raises(ElfError, match="33000 names"):
        versions.definitions(leading_to(data, defined=0, defined_count=count), b"\0name\0")


def test_a_long_name_that_many_symbols_share() -> None:
    count = symbols.MOST_NAMES // 60_000 + 2
    table = bytes(24) + struct.pack("<IBBHQQ", 0, 0x11, 0, 1, 0, 0) * (count - 1)
    hashes = struct.pack("<IIII", 1, 1, 1, 0) + bytes(8) + struct.pack("<I", 1) + bytes(4 * (count - 2)) + b"\1\0\0\0"
    strings = b"x" * 60_000 + b"\0"
    at = len(table) + len(hashes)
    found = leading_to(table + hashes + strings, symbols=0, hashes=len(table), strings=at, strings_size=len(strings))
    assert symbols.count_of(found) == count
    with pytest.raises(ElfError, match="bytes of names"):
        symbols.of(found)


def test_names_and_versions_have_an_end() -> None:
    with pytest.raises(ElfError, match="not in the string table"):
        dynamic.name(b"x" * 70_000 + b"\0", 0)
    row = struct.pack("<HHHHIII", 1, 0, 2, 1, 0, 20, 0) + struct.pack("<II", 0, 0)
    with pytest.raises(ElfError, match="a version's name has 2000 characters"):
        versions.definitions(leading_to(row, defined=0, defined_count=1), b"x" * 2000 + b"\0")
