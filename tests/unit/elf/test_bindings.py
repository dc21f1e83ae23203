from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slimtorch.elf import bindings, headers
from slimtorch.elf.bindings import Bindings, Reference
from slimtorch.elf.reading import Bytes
from slimtorch.errors import ElfError
from tests.support.elf import make_elf
from tests.support.shared_libraries import LOCAL, UNDEFINED, Named, make_library

VERSIONED = make_library(
    (
        Named("f", "V1", hidden=True),
        Named("f", "V2"),
        Named("old", "V1", hidden=True),
        Named("plain"),
        Named("own", binding=LOCAL),
        Named("puts", "libc.so.6:GLIBC_2.2.5", section=UNDEFINED, value=0),
        Named("free", section=UNDEFINED, value=0),
    ),
    versions=("V1", "V2"),
)


def read(data: bytes) -> Bindings:
    source = Bytes(data)
    found = headers.read(source)
    return bindings.read(source, found) if found else Bindings()


@pytest.mark.parametrize(
    ("name", "version", "has"),
    [
        ("f", "V1", True),
        ("f", "V2", True),
        ("f", "V3", False),
        ("f", "", True),
        ("old", "V1", True),
        ("old", "", False),
        ("plain", "", True),
        ("plain", "V1", True),
        ("own", "", False),
        ("puts", "GLIBC_2.2.5", False),
        ("nothing", "", False),
    ],
)
def test_references_find_what_the_loader_would_take(name: str, version: str, has: bool) -> None:  # noqa: FBT001
    assert read(VERSIONED).has(Reference(name.encode(), version.encode())) is has


def test_what_is_asked_for_comes_with_its_version() -> None:
    assert {str(one) for one in read(VERSIONED).wanted} == {"puts@GLIBC_2.2.5", "free"}


def test_a_library_without_versions_fits_every_version() -> None:
    assert read(make_library((Named("f"),))).has(Reference(b"f", b"V7"))


def test_a_file_without_symbols_has_none() -> None:
    assert read(make_elf()) == Bindings()


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(VERSIONED) - 1), st.binary(min_size=1, max_size=8))
def test_damage_is_an_elf_error_or_nothing(offset: int, patch: bytes) -> None:
    data = bytearray(VERSIONED)
    data[offset : offset + len(patch)] = patch
    with contextlib.suppress(ElfError):
        read(bytes(data))
