from __future__ import annotations

import io
import shutil
import struct
import subprocess

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from slimtorch.elf.file import ElfFile, facts
from tests.support.elf import make_elf

WHOLE = make_elf(
    ("libc.so.6", "libm.so.6"),
    soname="libx.so.1",
    runpath="$ORIGIN:/opt/lib",
    interpreter="/lib64/ld-linux-x86-64.so.2",
)


def test_reads_what_the_file_asks_for() -> None:
    found = facts(io.BytesIO(WHOLE))
    assert found == ElfFile(
        machine="x86_64",
        soname="libx.so.1",
        needed=("libc.so.6", "libm.so.6"),
        runpath=("$ORIGIN", "/opt/lib"),
        interpreter="/lib64/ld-linux-x86-64.so.2",
    )
    assert found is not None
    assert found.is_program


def test_tells_rpath_from_runpath_and_knows_other_machines() -> None:
    found = facts(io.BytesIO(make_elf(rpath="/a:/b", machine="aarch64")))
    assert found == ElfFile(machine="aarch64", rpath=("/a", "/b"))


@pytest.mark.parametrize("data", [b"", b"\x7fEL", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF" + b"\xff" * 200])
def test_what_is_no_elf_file_has_no_facts(data: bytes) -> None:
    assert facts(io.BytesIO(data)) is None


def make_other(word: str, machine: int) -> bytes:
    """A library of another class or order of bytes: `word` is how its addresses are packed."""
    order, wide = word[0], word[1] == "Q"
    names, at = b"\0libc.so.6\0$ORIGIN:/lib\0", 0x200
    pairs = [(1, 1), (29, 11), (5, 0x5000 + at), (0, 0)]
    dynamic = b"".join(struct.pack(word + word[1], *pair) for pair in pairs)
    rows = [(1, 0, 0x5000, at + len(names)), (2, 0x100, 0x5100, len(dynamic))]
    layout = "IIQQQQQQ" if wide else "IIIIIIII"
    programs = b"".join(
        struct.pack(
            order + layout, kind, *((4,) if wide else ()), offset, address, 0, size, *((size,) * (2 if wide else 3))
        )
        for kind, offset, address, size in rows
    )
    head = struct.pack("4s3B9x", b"\x7fELF", 2 if wide else 1, 1 if order == "<" else 2, 1)
    size = 64 if wide else 52
    head += struct.pack(
        f"{order}HHI3{word[1]}IHHHHHH", 3, machine, 1, 0, size, 0, 0, size, len(programs) // 2, 2, 40, 0, 0
    )
    return (head + programs).ljust(0x100, b"\0") + dynamic.ljust(0x100, b"\0") + names


@pytest.mark.parametrize(
    ("word", "number", "machine"),
    [
        ("<I", 3, "i686"),
        ("<I", 40, "armv7l"),
        (">I", 20, "ppc"),
        (">Q", 22, "s390x"),
        ("<Q", 62, "x86_64"),
        ("<Q", 9, "9"),
    ],
)
def test_other_machines_and_classes(word: str, number: int, machine: str) -> None:
    data = make_other(word, number)
    found = facts(io.BytesIO(data))
    assert found == ElfFile(machine, needed=("libc.so.6",), runpath=("$ORIGIN", "/lib"))
    (dynamic,) = [one for one in ELFFile(io.BytesIO(data)).iter_segments() if isinstance(one, DynamicSegment)]
    assert [tag.needed for tag in dynamic.iter_tags("DT_NEEDED")] == ["libc.so.6"]  # type: ignore[attr-defined]
    assert [tag.runpath for tag in dynamic.iter_tags("DT_RUNPATH")] == ["$ORIGIN:/lib"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("at", "width", "value"),
    [
        (4, "B", 3),
        (5, "B", 0),
        (32, "Q", 1 << 63),
        (54, "H", 57),
        (64 + 32, "Q", 1 << 40),
        (0x100 + 8, "Q", 1 << 62),
        (0x100 + 40, "Q", 0x900000),
    ],
)
def test_lies_have_no_facts(at: int, width: str, value: int) -> None:
    data = bytearray(make_other("<Q", 62))
    struct.pack_into("<" + width, data, at, value)
    assert facts(io.BytesIO(bytes(data))) is None


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8), st.integers(0, len(WHOLE)))
def test_damage_never_raises(offset: int, patch: bytes, cut: int) -> None:
    data = bytearray(WHOLE)
    data[offset : offset + len(patch)] = patch
    facts(io.BytesIO(bytes(data[: max(cut, 4)])))
    facts(io.BytesIO(bytes(data)))


def test_readelf_agrees() -> None:
    readelf, subject = shutil.which("readelf"), shutil.which("true")
    if readelf is None or subject is None:
        pytest.skip("readelf (binutils) is not installed")
    text = subprocess.run([readelf, "-d", subject], check=True, capture_output=True, text=True).stdout
    with open(subject, "rb") as stream:  # noqa: PTH123
        found = facts(stream)
    assert found is not None
    assert [f"[{name}]" in text for name in found.needed] == [True] * text.count("(NEEDED)")
