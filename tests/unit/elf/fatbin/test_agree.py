"""The proof finds what is wrong: each test spoils a pruned library in one way."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from slimtorch.elf.fatbin.agree import complaints
from slimtorch.elf.fatbin.prune import prune
from slimtorch.elf.headers import read
from slimtorch.elf.reading import Bytes
from slimtorch.elf.rewrite import rewrite
from slimtorch.tables.gpus import find as gpu
from tests.support.fatbins import Library, Wrapped, big, make_entry, make_fatbin, simple

if TYPE_CHECKING:
    from slimtorch.tables.gpus import Gpu


def gpus(names: str) -> tuple[Gpu, ...]:
    return tuple(one for name in names.split() if (one := gpu(name)))


def judge(before: list[str], after: list[str], wanted: str = "h100", keep_ptx: str = "none") -> tuple[str, ...]:
    """What is said of one container that had some entries and then others."""
    old, new = (simple(make_fatbin(*map(make_entry, names))) for names in (before, after))
    return complaints(Bytes(old), Bytes(new), gpus(wanted), keep_ptx)


FINE = [
    (["sm_80", "sm_90"], ["sm_90"], "h100", "none"),
    (["sm_80", "sm_90"], ["sm_80", "sm_90"], "h100", "none"),
    (["sm_80", "sm_90", "compute_90"], ["sm_90"], "h100", "none"),
    (["sm_80", "compute_80", "compute_90"], ["compute_90"], "h100", "none"),
    (["sm_80", "sm_86", "sm_90"], ["sm_80", "sm_86"], "a100 l4", "none"),
    (["sm_100", "sm_120"], ["sm_120"], "h100", "none"),
    (["sm_90", "compute_80", "compute_90"], ["sm_90", "compute_90"], "h100", "newest"),
    ([], [], "h100", "none"),
]
WRONG = [
    (["sm_80", "sm_90"], ["sm_80"], "h100", "none", "lost its entry sm_90, which h100 would miss"),
    (["sm_80", "sm_86"], ["sm_80"], "a100 l4", "none", "lost its entry sm_86, which l4 would miss"),
    (["sm_90", "sm_90a"], ["sm_90"], "h100", "none", "sm_90a, which h100"),
    (["sm_90", "sm_90a"], ["sm_90a"], "h100", "none", "sm_90, which h100"),
    (["sm_100f", "sm_103"], ["sm_103"], "b300", "none", "sm_100f, which b300"),
    (["sm_80", "compute_80"], ["sm_80"], "h100", "none", "compute_80, which h100"),
    (["sm_100a", "compute_100"], ["sm_100a"], "b300", "none", "compute_100, which b300"),
    (["compute_80", "compute_90"], ["compute_80"], "h100", "none", "compute_90, which h100"),
    (["sm_90", "compute_90"], ["sm_90"], "h100", "newest", "compute_90, which GPUs to come"),
    (["sm_90", "lto_90"], ["sm_90"], "h100", "none", "lto_90, which everybody"),
    (["sm_90", "odd_80"], ["sm_90"], "h100", "none", "sm_80, which everybody"),
    (["sm_80", "sm_90"], ["sm_90"], "", "none", "sm_80, which everybody"),
    (["sm_100", "sm_102"], ["sm_100"], "b300", "none", "sm_102, which b300"),
    (["sm_102", "compute_100"], ["sm_102"], "b300", "none", "compute_100, which b300"),
    (["sm_100"], [], "h100", "none", "is empty"),
    (["sm_90"], ["sm_80", "sm_90"], "h100", "none", "an entry sm_80 that the original does not have"),
    (["sm_80", "sm_90"], ["sm_90", "sm_80"], "h100", "none", "an entry sm_80 that the original does not have"),
    (["sm_90"], ["sm_90", "sm_90"], "h100", "none", "an entry sm_90 that the original does not have"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "wanted", "keep_ptx"), FINE)
def test_what_may_be(before: list[str], after: list[str], wanted: str, keep_ptx: str) -> None:
    assert judge(before, after, wanted, keep_ptx) == ()


@pytest.mark.parametrize(("before", "after", "wanted", "keep_ptx", "said"), WRONG)
def test_what_may_not(before: list[str], after: list[str], wanted: str, keep_ptx: str, said: str) -> None:
    found = judge(before, after, wanted, keep_ptx)
    assert len(found) == 1
    assert said in found[0]


CONTAINERS = [make_fatbin(big("sm_80"), big("sm_90", 40_000 + 8 * index)) for index in range(3)]


def made(*, packed: bool = False) -> tuple[bytes, bytearray, Library]:
    library = Library({".nv_fatbin": CONTAINERS}, [Wrapped(".nv_fatbin", index) for index in range(3)], packed)
    data = library.make()
    source, headers = Bytes(data), read(Bytes(data))
    assert headers is not None
    changes = prune(source, headers, gpus("h100")).changes
    return data, bytearray(b"".join(rewrite(source, headers, changes).blocks(source))), library


def said(data: bytes, result: bytes | bytearray) -> str:
    return " · ".join(complaints(Bytes(data), Bytes(bytes(result)), gpus("h100")))


@pytest.mark.parametrize("packed", [False, True])
def test_nothing_is_said_of_a_good_one(packed: bool) -> None:  # noqa: FBT001
    data, result, _ = made(packed=packed)
    assert said(data, result) == ""
    assert said(data, data) == ""


@pytest.mark.parametrize("into", [16, 17, 100, 20_000, 40_000])
def test_one_bit(into: int) -> None:
    data, result, _ = made()
    result[0x10000 + into] ^= 1
    assert said(data, result)


def pointer(data: bytes | bytearray, number: int) -> tuple[int, int]:
    """Offsets of a wrapper's pointer: where it stands, and in the table of relocations."""
    headers = read(Bytes(bytes(data)))
    assert headers is not None
    section = headers.section(".nvFatBinSegment")
    assert section is not None
    at = section.offset + 24 * number + 8
    address = section.address + 24 * number + 8
    return at, data.index(struct.pack("<QQ", address, 8)) + 16


def test_a_pointer_to_another_container() -> None:
    data, result, _ = made()
    (at, table), (_, other) = pointer(result, 1), pointer(result, 2)
    result[table : table + 8] = result[at : at + 8] = result[other : other + 8]
    assert "not found any more, or only together with other" in said(data, result)


def test_pointers_that_are_exchanged() -> None:
    data, result, _ = made()
    (one, one_table), (two, two_table) = pointer(result, 1), pointer(result, 2)
    first, second = bytes(result[one : one + 8]), bytes(result[two : two + 8])
    result[one : one + 8] = result[one_table : one_table + 8] = second
    result[two : two + 8] = result[two_table : two_table + 8] = first
    assert "an entry sm_90 that the original does not have" in said(data, result)


def test_a_pointer_that_was_not_corrected() -> None:
    data, result, _ = made()
    table = pointer(result, 1)[1]
    result[table : table + 8] = data[table : table + 8]
    assert "is not found any more" in said(data, result)


def test_a_pointer_that_was_corrected_in_one_place_only() -> None:
    data, result, _ = made()
    at, _ = pointer(result, 1)
    old, _ = pointer(data, 1)
    result[at : at + 8] = data[old : old + 8]
    assert "says something else in its table and where it stands" in said(data, result)


def test_a_pointer_out_of_the_device_code() -> None:
    data, result, _ = made()
    at, table = pointer(result, 1)
    result[table : table + 8] = result[at : at + 8] = struct.pack("<Q", 0x100)
    assert "leads to no device code any more" in said(data, result)


def test_a_container_from_nowhere() -> None:
    one, two = (Library({".rodata": [bytes(400), *more]}).make() for more in ([], [make_fatbin("sm_80")]))
    assert "comes from nowhere" in said(one, two)


def test_a_container_that_is_gone() -> None:
    one, two = (Library({".rodata": [bytes(400), *more]}).make() for more in ([], [make_fatbin("sm_80")]))
    assert "is not found any more" in said(two, one)


def test_a_container_that_does_not_end() -> None:
    data, result, _ = made()
    result[0x10008:0x10010] = struct.pack("<Q", 1 << 40)
    assert "does not add up" in said(data, result)


def test_no_library_at_all() -> None:
    data, _, _ = made()
    assert said(data, b"") == "it is no library that can be read"
