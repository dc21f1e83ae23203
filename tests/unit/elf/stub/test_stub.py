from __future__ import annotations

import contextlib
import platform
import re
import shutil
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slimtorch.elf import headers, stub, symbols
from slimtorch.elf.reading import Bytes
from slimtorch.elf.stub import hashing
from slimtorch.errors import ElfError
from slimtorch.tables.stubs import stand_ins
from tests.support.elf import make_elf
from tests.support.shared_libraries import (
    ABSOLUTE,
    IFUNC,
    NOTYPE,
    OBJECT,
    SPACE,
    TLS,
    UNDEFINED,
    UNIQUE,
    WEAK,
    Named,
    make_library,
)

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.elf.symbols import Symbol

VECTOR = "_ZNSt6vectorIhSaIhEE17_M_default_appendEm"
LIBRARY = make_library(
    (
        Named("ncclAllReduce", "V1", hidden=True),
        Named("ncclAllReduce", "V2"),
        Named("ncclBroadcast", "V1", binding=WEAK),
        Named("ncclGetErrorString", "V1"),
        Named("ncclTeamWorld"),
        Named("chosen", type=IFUNC),
        Named("untyped", type=NOTYPE),
        Named("table", "V1", type=OBJECT, value=SPACE + 0x148, size=64),
        Named("in_table", type=OBJECT, value=SPACE + 0x150, size=8),
        Named("far", type=OBJECT, value=SPACE + 0xF00, size=4),
        Named(VECTOR, binding=WEAK),
        Named("_ZNSt13runtime_errorC1EPKc"),
        Named("_ZSt19piecewise_construct", type=OBJECT, binding=UNIQUE, size=1),
        Named("_ZN4nccl3runEv"),
        Named("_init"),
        Named("V1", "V1", type=OBJECT, section=ABSOLUTE, value=0),
        Named("malloc", "libc.so.6:GLIBC_2.2.5", section=UNDEFINED, value=0),
    ),
    soname="libnccl.so.2",
    versions=("V1", "V2"),
    needed=("libc.so.6",),
)
LEFT_OUT = {VECTOR, "_ZNSt13runtime_errorC1EPKc", "_ZSt19piecewise_construct", "_init", "malloc"}


def made(library: bytes = LIBRARY, setting: str = "nccl") -> bytes:
    return stub.make(Bytes(library), setting)


def read(data: bytes) -> tuple[Symbol, ...]:
    source = Bytes(data)
    found = headers.read(source)
    assert found
    return symbols.read(source, found)


def test_it_offers_what_the_library_offers_and_needs_nothing() -> None:
    before, after = read(LIBRARY), read(made())
    offered = {(one.name, one.version, one.default, one.binding) for one in before if one.name not in LEFT_OUT}
    assert {(one.name, one.version, one.default, one.binding) for one in after} == offered
    assert all(one.defined for one in after)
    assert stub.complaints(Bytes(LIBRARY), Bytes(made()), "nccl") == ()


def test_what_every_c_plus_plus_library_carries_is_left_out() -> None:
    assert not LEFT_OUT & {one.name for one in read(made())}
    assert "_ZN4nccl3runEv" in {one.name for one in read(made())}


def test_it_is_known_again_and_makes_the_same_again() -> None:
    assert stub.recognise(Bytes(made())) == "nccl"
    assert stub.recognise(Bytes(LIBRARY)) == stub.recognise(Bytes(b"")) == stub.recognise(Bytes(make_elf())) == ""
    assert made() == made()
    assert made(made()) == made()


def test_data_keeps_its_size_its_alignment_and_its_neighbours() -> None:
    places = {one.name: one for one in read(made()) if one.type == OBJECT}
    assert places["in_table"].value - places["table"].value == 8
    assert [places[name].value % 64 for name in ("table", "far")] == [0x148 % 64, 0xF00 % 64]
    assert places["table"].size == 64
    found = headers.read(Bytes(made()))
    assert found
    room = found.section(".bss")
    assert room
    assert all(room.address <= places[name].value < room.address + room.size for name in ("table", "in_table", "far"))
    assert room.size < 0x200


@pytest.mark.parametrize(
    ("symbol", "says"),
    [
        (Named("state", type=TLS), "state is thread-local"),
        (Named("huge", type=OBJECT, size=1 << 40), "data symbols need"),
    ],
)
def test_what_nothing_can_stand_in_for_is_refused(symbol: Named, says: str) -> None:
    with pytest.raises(ElfError, match=says):
        made(make_library((symbol,)))


@pytest.mark.parametrize("data", [b"", b"#!/bin/sh\n", make_elf(machine="i686"), make_elf()])
def test_what_is_no_library_is_refused(data: bytes) -> None:
    with pytest.raises(ElfError, match=r"no 64-bit shared library"):
        made(data)


def test_complaints_name_what_is_wrong() -> None:
    other = make_library((Named("ncclAllReduce", "V2"), Named("more")), soname="libnccl.so.3", versions=("V1", "V2"))
    found = stub.complaints(Bytes(LIBRARY), Bytes(made(other, "cufft")), "nccl")
    assert [re.sub(r" and \d+ more", "", line) for line in found] == [
        "it is marked as the stand-in for 'cufft'",
        "it is libnccl.so.3 for x86_64, and the library libnccl.so.2 for x86_64",
        "it lacks V1@V1, _ZN4nccl3runEv, chosen",
        "it adds more",
    ]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_loader_finds_every_name_by_its_hash(machine: str) -> None:
    names = [Named(f"function_{number}") for number in range(300)]
    data = made(make_library((*names, Named("one")), machine=machine))
    found = headers.read(Bytes(data))
    assert found
    assert found.machine == machine
    table, listed = found.section(".gnu.hash"), read(data)
    assert table
    for number, symbol in enumerate(listed, 1):
        assert number in _looked_up(data[table.offset :], symbol.name.encode())
    assert _looked_up(data[table.offset :], b"no such name") == []


def _looked_up(table: bytes, name: bytes) -> list[int]:
    """Symbols with the name's hash, as glibc looks them up (do_lookup_x in elf/dl-lookup.c)."""
    buckets, first, words, shift = struct.unpack_from("<IIII", table)
    value = hashing.gnu(name)
    (word,) = struct.unpack_from("<Q", table, 16 + value // 64 % words * 8)
    if not word >> value % 64 & word >> (value >> shift) % 64 & 1:
        return []
    heads = 16 + words * 8
    (number,) = struct.unpack_from("<I", table, heads + value % buckets * 4)
    found = []
    while number:
        (entry,) = struct.unpack_from("<I", table, heads + buckets * 4 + (number - first) * 4)
        found += [number] if entry | 1 == value | 1 else []
        number = 0 if entry & 1 else number + 1
    return found


def test_the_hash_functions_give_the_known_values() -> None:
    # From the description of DT_GNU_HASH (sourceware) and from glibc's own libc.so (vna_hash of GLIBC_2.2.5).
    assert (hashing.gnu(b""), hashing.gnu(b"printf"), hashing.gnu(b"exit")) == (0x1505, 0x156B2BB8, 0x7C967E3F)
    assert hashing.sysv(b"GLIBC_2.2.5") == 0x09691A75


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(LIBRARY) - 1), st.binary(min_size=1, max_size=8))
def test_a_damaged_library_gives_a_sound_stand_in_or_an_error(offset: int, patch: bytes) -> None:
    data = bytearray(LIBRARY)
    data[offset : offset + len(patch)] = patch
    with contextlib.suppress(ElfError):
        result = made(bytes(data))
        assert stub.complaints(Bytes(bytes(data)), Bytes(result), "nccl") == ()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_nothing_damaged_is_taken_for_a_stand_in_with_a_trace(data: st.DataObject) -> None:
    whole = made()
    offset = data.draw(st.integers(0, len(whole) - 1))
    patched = bytearray(whole)
    patched[offset : offset + 1] = data.draw(st.binary(min_size=1, max_size=1))
    stub.recognise(Bytes(bytes(patched[: data.draw(st.integers(0, len(whole)))])))
    stub.recognise(Bytes(bytes(patched)))


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_readelf_has_nothing_to_complain_about(tmp_path: Path, machine: str) -> None:
    readelf = shutil.which("readelf")
    if readelf is None:
        pytest.skip("readelf (binutils) is not installed")
    library = make_library(
        (Named("f", "V1"), Named("d", type=OBJECT, size=4)), versions=("V1",), soname="libx.so.1", machine=machine
    )
    (tmp_path / "x.so").write_bytes(made(library))
    done = subprocess.run([readelf, "-aW", tmp_path / "x.so"], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert "arning" not in done.stdout
    assert "Library soname: [libx.so.1]" in done.stdout
    assert "NEEDED" not in done.stdout
    assert "Name: V1" in done.stdout


CALLS = """
import ctypes, sys, threading
library = ctypes.CDLL(sys.argv[1])
threads = [threading.Thread(target=library.ncclAllReduce) for _ in range(8)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
library.ncclGetErrorString.restype = ctypes.c_char_p
print(library.ncclAllReduce(1, 2, 3), library.ncclTeamWorld(), library.chosen(), library.untyped())
print(ctypes.c_longlong.in_dll(library, "table").value)
print(library.ncclGetErrorString(2).decode())
"""


@pytest.mark.skipif(platform.machine() not in {"x86_64", "aarch64"}, reason="no stand-ins for this machine")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux loads ELF files")
def test_the_loader_takes_it_and_the_first_call_says_so_once(tmp_path: Path) -> None:
    library = make_library(
        (
            Named("ncclAllReduce"),
            Named("ncclGetErrorString"),
            Named("ncclTeamWorld"),
            Named("chosen", type=IFUNC),
            Named("untyped", type=NOTYPE),
            Named("table", type=OBJECT, size=8),
        ),
        machine=platform.machine(),
    )
    path = tmp_path / "libnccl.so.2"
    path.write_bytes(made(library))
    done = subprocess.run([sys.executable, "-c", CALLS, path], check=True, capture_output=True, text=True)
    message = stand_ins()["nccl"].message
    assert done.stdout == f"2 0 2 2\n0\n{message}\n"
    assert done.stderr == f"slimtorch: {message}\n"
