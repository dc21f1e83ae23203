from __future__ import annotations

import io
import shutil
import subprocess

import pytest
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
