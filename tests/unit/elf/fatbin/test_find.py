"""Containers are found wherever they are loaded, and nothing else is taken for one."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest

from slimtorch.elf.fatbin import container as format_
from slimtorch.elf.fatbin import find
from slimtorch.elf.fatbin.model import Code, Container, Kind
from slimtorch.elf.headers import read
from slimtorch.elf.reading import Bytes
from slimtorch.errors import ElfError
from tests.support.fatbins import Library, big, make_entry, make_fatbin, simple


def found(library: bytes) -> tuple[Container, ...]:
    source = Bytes(library)
    headers = read(source)
    assert headers is not None
    return find.containers(source, headers)


def test_entries_with_all_that_is_said_of_them() -> None:
    entries = [
        make_entry("sm_90a", b"x" * 20, packing="zstd"),
        make_entry("compute_80", b"y" * 16, header=112),
        make_entry("lto_90", packing="lz4"),
        make_entry("sm_100f"),
    ]
    (one,) = found(simple(make_fatbin(*entries)))
    assert one.section == ".nv_fatbin"
    assert one.size == 16 + sum(map(len, entries))
    assert [code.name for code in one.codes] == ["sm_90a", "compute_80", "lto_90", "sm_100f"]
    assert [code.kind for code in one.codes] == [Kind.CUBIN, Kind.PTX, Kind.LTO_IR, Kind.CUBIN]
    assert [code.size for code in one.codes] == list(map(len, entries))
    assert [code.packing for code in one.codes] == ["zstd", "", "lz4", ""]
    assert one.codes[0].unpacked == 200
    assert one.codes[1].unpacked == 0
    assert all(first.offset + first.size == second.offset for first, second in pairwise(one.codes))


def test_kinds_and_architectures_that_nobody_knows() -> None:
    (one,) = found(simple(make_fatbin("odd_90", make_entry("sm_90", kind=4), make_entry("sm_90000"), "sm_9")))
    assert {code.kind for code in one.codes} == {Kind.OTHER}


@pytest.mark.parametrize("before", [0, 1, 7, 8, 255, 256, 257, (1 << 20) - 5, (1 << 20) - 1, (1 << 20) + 250])
def test_in_other_sections_at_any_place(before: int) -> None:
    wanted = make_fatbin("sm_80", "compute_80")
    library = simple(bytes(before) + wanted + b"after" + wanted, section=".ldata")
    assert [(one.section, one.size) for one in found(library)] == [(".ldata", len(wanted))] * 2


def test_without_section_headers() -> None:
    library = Library({".nv_fatbin": [make_fatbin("sm_80"), make_fatbin("sm_90")]}, sections=False).make()
    assert [(one.section, len(one.codes)) for one in found(library)] == [("", 1), ("", 1)]


def test_many_of_them() -> None:
    assert len(found(simple(b"-" + make_fatbin("sm_80") * 3000, section=".ldata"))) == 3000


def test_an_empty_container() -> None:
    assert [one.codes for one in found(simple(make_fatbin(), make_fatbin("sm_80")))] != []


def test_containers_inside_of_payloads_are_payload() -> None:
    inner = make_fatbin("sm_80")
    assert len(found(simple(make_fatbin(make_entry("sm_90", inner)), section=".rodata"))) == 1


GOOD = make_fatbin("sm_80", "sm_90")
BAD = {
    "old magic": b"\x01\x5a\xe5\x1e" + GOOD[4:],
    "another version": GOOD[:4] + b"\2\0" + GOOD[6:],
    "another header size": GOOD[:6] + b"\x20\0" + GOOD[8:],
    "past the section": GOOD[:8] + struct.pack("<Q", 1 << 20) + GOOD[16:],
    "past everything": GOOD[:8] + struct.pack("<Q", (1 << 64) - 1) + GOOD[16:],
    "one byte less": GOOD[:8] + struct.pack("<Q", len(GOOD) - 17) + GOOD[16:],
    "an entry without a header": GOOD[:20] + struct.pack("<I", 0) + GOOD[24:],
    "an entry with a small header": GOOD[:20] + struct.pack("<I", 56) + GOOD[24:],
    "an entry with a huge header": GOOD[:20] + struct.pack("<I", 1 << 31) + GOOD[24:],
    "an entry past the end": GOOD[:24] + struct.pack("<Q", 1 << 63) + GOOD[32:],
    "cut off": GOOD[:-24],
    "something else": b"what is this?" + bytes(100),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_section_that_does_not_add_up_is_refused(bad: bytes) -> None:
    library = Library({".nv_fatbin": [make_fatbin("sm_80"), bad]}).make()
    with pytest.raises(ElfError, match=r"the device code in \.nv_fatbin does not add up at byte"):
        found(library)


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_elsewhere_it_is_no_container(bad: bytes) -> None:
    library = Library({".rodata": [make_fatbin("sm_75"), bad]}).make()
    assert [one.codes[0].name for one in found(library)] == ["sm_75"]


def test_zeros_between_containers_add_up() -> None:
    library = simple(make_fatbin("sm_80") + bytes(5000) + make_fatbin("sm_90") + bytes(17))
    assert [one.codes[0].name for one in found(library)] == ["sm_80", "sm_90"]


def test_an_unaligned_container_does_not() -> None:
    with pytest.raises(ElfError, match="add up"):
        found(simple(make_fatbin("sm_80") + bytes(3) + make_fatbin("sm_90")))


def test_more_starts_than_a_library_has() -> None:
    with pytest.raises(ElfError, match="more starts"):
        found(simple((format_.START + b"\xff" * 8) * 1100, section=".rodata"))


def test_more_entries_than_a_container_has() -> None:
    with pytest.raises(ElfError, match="add up"):
        found(simple(make_fatbin(*["sm_80"] * 1025)))


def test_two_segments_with_the_same_bytes() -> None:
    library = bytearray(simple(make_fatbin("sm_80")))
    # The third segment is mapped from where the second one is.
    struct.pack_into("<Q", library, 64 + 56 * 2 + 8, struct.unpack_from("<Q", library, 64 + 56 + 8)[0])
    with pytest.raises(ElfError, match="two segments"):
        found(bytes(library))


def test_reads_no_payload_of_what_parses() -> None:
    class Counting(Bytes):
        read = 0

        def at(self, offset: int, size: int) -> bytes:
            self.read += size
            return super().at(offset, size)

    source = Counting(simple(*[make_fatbin(big("sm_80", 1 << 20), big("sm_90", 1 << 20)) for _ in range(8)]))
    headers = read(source)
    assert headers is not None
    source.read = 0
    assert len(find.containers(source, headers)) == 8
    assert source.read < 1 << 19


def test_the_noun() -> None:
    assert Code(0, 64, Kind.LTO_IR, 90, "", "", 0).name == "lto_90"
