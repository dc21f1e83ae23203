from __future__ import annotations

import contextlib
import re
import shutil
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slimtorch.elf import headers, symbols
from slimtorch.elf.reading import Bytes
from slimtorch.errors import ElfError
from tests.support.elf import make_elf
from tests.support.shared_libraries import ABSOLUTE, BASE, OBJECT, UNDEFINED, WEAK, Named, make_library

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.elf.symbols import Symbol

NEED = "libc.so.6:GLIBC_2.2.5"
WHOLE = make_library(
    (
        Named("f", "V1", hidden=True),
        Named("f", "V2"),
        Named("puts", NEED, section=UNDEFINED, value=0),
        Named("plain", binding=WEAK),
        Named("data", type=OBJECT, size=16),
        Named("V1", "V1", type=OBJECT, section=ABSOLUTE, value=0),
    ),
    versions=("V1", "V2"),
    needed=("libc.so.6",),
)


def read(data: bytes) -> tuple[Symbol, ...]:
    source = Bytes(data)
    found = headers.read(source)
    return symbols.read(source, found) if found else ()


def test_reads_names_versions_and_what_is_asked_of_whom() -> None:
    found = {(one.name, one.version): one for one in read(WHOLE)}
    assert len(found) == 6
    assert not found["f", "V1"].default
    assert found["f", "V2"].default
    assert found["plain", ""].binding == WEAK
    assert (found["data", ""].size, found["data", ""].type) == (16, OBJECT)
    needed = found["puts", "GLIBC_2.2.5"]
    assert (needed.library, needed.defined, needed.exported) == ("libc.so.6", False, False)
    assert found["V1", "V1"].section == ABSOLUTE


def test_a_file_without_symbols_has_none() -> None:
    assert read(make_elf(("libc.so.6",))) == ()


def test_names_that_are_no_text_survive() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert [one.name for one in read(make_library((Named(name),)))] == [name]


def _with(data: bytes, old: bytes, new: bytes) -> bytes:
    assert data.count(old) == 1
    return data.replace(old, new)


def _tag(tag: int, value: int) -> bytes:
    return tag.to_bytes(8, "little") + value.to_bytes(8, "little")


@pytest.mark.parametrize(
    ("tag", "value", "says"),
    [
        (6, 0x7FFFFFFF, "do not fit"),
        (4, 0x7FFFFFFF, "no loaded segment"),
        (5, 8, "no loaded segment"),
        (10, 1 << 40, "no loaded segment"),
        (0x6FFFFFFD, 1 << 30, "entries"),
        (0x6FFFFFFC, BASE, "not in the string table"),
    ],
)
def test_a_dynamic_section_that_lies_is_refused(tag: int, value: int, says: str) -> None:
    start = tag.to_bytes(8, "little")
    at = next(at for at in range(232, len(WHOLE), 16) if WHOLE[at : at + 8] == start)
    with pytest.raises(ElfError, match=says):
        read(WHOLE[:at] + _tag(tag, value) + WHOLE[at + 16 :])


def test_a_count_of_symbols_that_lies_is_refused() -> None:
    with pytest.raises(ElfError, match="do not fit"):
        read(
            _with(
                WHOLE, (1).to_bytes(4, "little") + (7).to_bytes(4, "little") + (1).to_bytes(4, "little"), b"\xff" * 12
            )
        )


def test_a_version_that_nothing_defines_is_refused() -> None:
    data = make_library((Named("f", "V1"),), versions=("V1",))
    with pytest.raises(ElfError, match="the version 9, which is not defined"):
        read(_with(data, struct.pack("<2xH4xI", 2, 0x10001), struct.pack("<2xH4xI", 9, 0x10001)))


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8), st.integers(64, len(WHOLE)))
def test_damage_is_an_elf_error_or_nothing(offset: int, patch: bytes, cut: int) -> None:
    for data in (bytearray(WHOLE), bytearray(WHOLE[:cut])):
        data[offset : offset + len(patch)] = patch
        with contextlib.suppress(ElfError):
            read(bytes(data))


def test_readelf_sees_the_same(tmp_path: Path) -> None:
    readelf = shutil.which("readelf")
    if readelf is None:
        pytest.skip("readelf (binutils) is not installed")
    (tmp_path / "x.so").write_bytes(WHOLE)
    done = subprocess.run([readelf, "-WDs", tmp_path / "x.so"], check=True, capture_output=True, text=True)
    seen = set(re.findall(r"^ +[1-9]\d*: (?:\S+ +){6}(\S+)", done.stdout, re.MULTILINE))
    marks = {one: ("@" if one.library or not one.default else "@@") for one in read(WHOLE)}
    assert seen == {one.name + (mark + one.version if one.version else "") for one, mark in marks.items()}
