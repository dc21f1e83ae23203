"""No damage makes the ELF core crash, or write a file that is not what it was made of."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slimtorch.elf import agree, headers, relocations
from slimtorch.elf.reading import Bytes
from slimtorch.elf.rewrite import Changes, Region, rewrite
from slimtorch.elf.splice import Copy, Spliced
from slimtorch.errors import ElfError
from tests.support.libraries import make_library

BLOB = bytes(range(251)) * 300
SECTIONS = {".nv_fatbin": ("r", BLOB), ".text": ("x", b"\xc3" * 99), ".data": ("w", bytes(640)), "late": ("w", BLOB)}
POINTERS = tuple(((".data", 16 * number), (".nv_fatbin", 1000 * number)) for number in range(40))
WHOLE = {
    "rela": make_library(SECTIONS, pointers=POINTERS, symbols={"blob": (".nv_fatbin", 0)}, tls=b"12345678"),
    "relr": make_library(SECTIONS, pointers=POINTERS, packed=True, own_header=True, machine="aarch64"),
    "program": make_library(SECTIONS, interpreter="/lib64/ld-linux-x86-64.so.2", own_header=True),
}
INTERESTING = [0, 1, 7, 8, 63, 64, 4095, 4096, 1 << 16, (1 << 31) - 1, 1 << 32, 1 << 63, (1 << 64) - 1]


@dataclass(frozen=True)
class Damage:
    """A library in which some fields, mostly of its headers, have other values; cut off at `size`."""

    name: str
    fields: tuple[tuple[int, str, int], ...]
    size: int

    def data(self) -> bytes:
        data = bytearray(WHOLE[self.name])
        for at, width, value in self.fields:
            struct.pack_into("<" + width, data, at, value % (1 << 8 * struct.calcsize(width)))
        return bytes(data[: self.size])


@st.composite
def damages(draw: st.DrawFn) -> Damage:
    name = draw(st.sampled_from(sorted(WHOLE)))
    size, (table,) = len(WHOLE[name]), struct.unpack_from("<Q", WHOLE[name], 40)
    areas, fields = [(0, 64), (64, 64 + 56 * 10), (table, size), (0, size - 8)], []
    for _ in range(draw(st.integers(1, 4))):
        low, high = draw(st.sampled_from(areas))
        value = st.one_of(st.sampled_from(INTERESTING), st.integers(0, size), st.integers(0, (1 << 64) - 1))
        fields.append((draw(st.integers(low, high - 8)), draw(st.sampled_from("BHIQ")), draw(value)))
    return Damage(name, tuple(fields), draw(st.one_of(st.just(size), st.integers(0, size))))


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_the_undamaged_ones_are_fine(name: str) -> None:
    assert _checked(WHOLE[name], bare=True, keep=5000)


@settings(max_examples=400, deadline=None)
@given(damages(), st.booleans(), st.integers(0, len(BLOB)))
def test_damage_is_refused_or_survived(damage: Damage, bare: bool, keep: int) -> None:  # noqa: FBT001
    _checked(damage.data(), bare=bare, keep=keep)


def _checked(data: bytes, *, bare: bool, keep: int) -> bool:
    """Rewrite it with a gap in the section of device code; whether that could be done."""
    source = Bytes(data)
    try:
        found = headers.read(source)
        if found is None:
            return False
        for word in relocations.relative(source, found):
            relocations.patches(source, word, 0)
        spans = agree.spans(found, [".nv_fatbin"])[:1]
        # A library whose loader would write into its constants is not pruned.
        constant = [(load.address, load.address + load.memory_size) for load in found.loads if not load.flags & 2]
        prunable = spans and not relocations.writes(source, found, [*spans, *constant])
        spans = spans if prunable else ()
        section = found.section(".nv_fatbin")
        region = [_region(section, keep)] if section and spans else []
        splice = rewrite(source, found, Changes(region, bare=bare))
    except ElfError:
        return False
    result = Spliced(source, splice)
    assert agree.complaints(source, result, spans) == ()
    again = headers.read(result)
    assert again is not None
    assert rewrite(result, again, Changes(bare=bare)).size == result.size
    return True


def _region(section: headers.Section, keep: int) -> Region:
    size = min(keep, section.size)
    return Region(section.offset, section.end, (Copy(section.offset, size),))
