"""Pruned libraries, made whole by `elf.rewrite`, read again, and loaded by the real loader."""

from __future__ import annotations

import ctypes
import platform
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from slimtorch.elf.fatbin import agree, find
from slimtorch.elf.fatbin.places import Places
from slimtorch.elf.fatbin.prune import Pruning, prune
from slimtorch.elf.headers import read
from slimtorch.elf.reading import Bytes
from slimtorch.elf.rewrite import Changes, rewrite
from slimtorch.errors import ElfError
from slimtorch.tables.gpus import Gpu
from slimtorch.tables.gpus import find as gpu
from tests.support.fatbins import Library, Wrapped, big, make_fatbin, simple

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.elf.headers import Headers

x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="the library is made for x86_64")
THREE = [make_fatbin(big("sm_80"), big("sm_90"), big("compute_90")) for _ in range(3)]


def gpus(*names: str) -> tuple[Gpu, ...]:
    found = tuple(gpu(name) for name in names)
    assert None not in found
    return tuple(one for one in found if one)


H100 = gpus("h100")


def headers_of(data: bytes) -> Headers:
    headers = read(Bytes(data))
    assert headers is not None
    return headers


def pruned(data: bytes, wanted: tuple[Gpu, ...] = H100, keep_ptx: str = "none") -> tuple[bytes, Pruning]:
    source, headers = Bytes(data), headers_of(data)
    pruning = prune(source, headers, wanted, keep_ptx)
    result = b"".join(rewrite(source, headers, pruning.changes).blocks(source))
    assert agree.complaints(source, Bytes(result), wanted, keep_ptx) == ()
    return result, pruning


def names(data: bytes) -> list[str]:
    return [" ".join(code.name for code in one.codes) for one in find.containers(Bytes(data), headers_of(data))]


def addresses(data: bytes) -> list[int | None]:
    places = Places(headers_of(data))
    return [places.address(one.offset) for one in find.containers(Bytes(data), headers_of(data))]


# -- what goes, and how much ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", [".nv_fatbin", ".cask_resource"])
def test_code_that_nobody_runs_is_stood_for_by_the_smallest(section: str) -> None:
    containers = [
        make_fatbin(big("sm_100f")),
        make_fatbin("sm_120"),
        make_fatbin(big("sm_120a"), big("compute_120", 90_000)),
        make_fatbin(big("sm_90")),
        make_fatbin(big("compute_120")),
    ]
    data = simple(*containers, section=section)
    result, _ = pruned(data)
    # PTX says something else to the driver than compiled code does, so it is never stood for.
    assert names(result) == ["sm_120", "sm_120", "sm_120", "sm_90", "compute_120"]
    assert pruned(result)[0] == result
    assert len(result) < len(data) - 100_000


def test_what_stands_for_another_is_compared_byte_for_byte() -> None:
    data = simple(make_fatbin(big("sm_100")), make_fatbin("sm_100"), make_fatbin("sm_90"))
    result, _ = pruned(data)
    first = find.containers(Bytes(result), headers_of(result))[0].codes[0]
    wrong = bytearray(result)
    wrong[first.offset + first.size - 9] ^= 1
    assert agree.complaints(Bytes(data), Bytes(bytes(wrong)), H100)
    assert agree.complaints(Bytes(data), Bytes(result), gpus("b200"))


@pytest.mark.parametrize("section", ["__nv_relfatbin", ".nv_fatbin"])
@pytest.mark.parametrize("packed", [False, True], ids=["rela", "relr"])
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_containers_close_up_in_their_section(machine: str, section: str, packed: bool) -> None:  # noqa: FBT001
    library = Library({section: THREE}, [Wrapped(section, index) for index in range(3)], packed, machine=machine)
    data = library.make()
    result, pruning = pruned(data)
    assert names(result) == ["sm_90"] * 3
    assert len(pruning.changes.regions) == 1
    first, *others = addresses(result)
    assert first == library.at[section, 0]
    assert [one % 8 for one in others if one] == [0, 0]
    assert len(data) - len(result) > 200_000
    assert pruning.dropped == {"sm_80": 3 * 40_064, "compute_90": 3 * 40_064}
    assert pruning.kept == {"sm_90": 3 * 40_064}
    assert pruning.uncovered == ()


def test_a_second_run_changes_nothing() -> None:
    once, _ = pruned(simple(*THREE))
    assert prune(Bytes(once), headers_of(once), H100).changes == Changes()
    assert pruned(once)[0] == once


def test_less_again_for_fewer_gpus() -> None:
    once, _ = pruned(simple(*THREE), gpus("a100", "h100"))
    assert names(once) == ["sm_80 sm_90"] * 3
    twice, _ = pruned(once)
    assert names(twice) == ["sm_90"] * 3


def test_gaps_between_containers_are_made_once() -> None:
    library = Library({".nv_fatbin": THREE}, [Wrapped(".nv_fatbin", 0)])
    data = library.make()
    once, _ = pruned(data, gpus("a100", "h100"))
    assert addresses(once) == addresses(data)
    assert pruned(once, gpus("a100", "h100"))[0] == once


def test_program_headers_in_device_code_do_not_move_again() -> None:
    data = bytearray(Library({".nv_fatbin": [*THREE, bytes(4096), *THREE]}, [Wrapped(".nv_fatbin", 0)]).make())
    size = 56 * 5
    gap = data.index(bytes(4096), 0x10000) + 64
    data[gap : gap + size] = data[64 : 64 + size]
    struct.pack_into("<Q", data, 32, gap)
    assert names(bytes(data)) == ["sm_80 sm_90 compute_90"] * 6
    with pytest.raises(ElfError, match="program headers stand in its device code"):
        prune(Bytes(bytes(data)), headers_of(bytes(data)), H100)


def test_only_what_changes_is_written() -> None:
    data = simple(make_fatbin(big("sm_90")), make_fatbin(big("sm_90"), "lto_80"))
    pruning = prune(Bytes(data), headers_of(data), H100)
    assert pruning.changes == Changes()
    assert not pruning.dropped


def test_the_newest_ptx() -> None:
    assert names(pruned(simple(*THREE), keep_ptx="newest")[0]) == ["sm_90 compute_90"] * 3


def test_a_container_for_others_keeps_its_smallest_entry() -> None:
    result, pruning = pruned(simple(make_fatbin(big("sm_100"), big("sm_120", 20_000)), THREE[0]))
    assert names(result) == ["sm_120", "sm_90"]
    assert pruning.uncovered == ()


# -- what stays where it is -------------------------------------------------------------------------------------------


def test_a_container_without_a_wrapper_stays_and_the_others_close_up_around_it() -> None:
    library = Library({".nv_fatbin": [*THREE, *THREE]}, [Wrapped(".nv_fatbin", index) for index in (0, 1, 3, 4, 5)])
    data = library.make()
    result, pruning = pruned(data)
    assert names(result) == ["sm_90"] * 6
    assert len(pruning.changes.regions) == 2
    assert addresses(result)[2] == library.at[".nv_fatbin", 2]
    assert addresses(result)[3] != library.at[".nv_fatbin", 3]


def test_containers_that_others_point_to_close_up_where_they_are() -> None:
    library = Library({".nv_fatbin": THREE}, [Wrapped(".nv_fatbin", index) for index in range(3)])
    library.make()
    library.extra = [library.at[".nv_fatbin", 1]]
    data = library.make()
    result, pruning = pruned(data)
    assert names(result) == ["sm_90"] * 3
    assert addresses(result) == addresses(data)
    assert len(pruning.changes.regions) == 3
    assert not pruning.changes.patches


@pytest.mark.parametrize("into", [4, 16])
def test_a_pointer_into_a_container_keeps_all_of_them_where_they_are(into: int) -> None:
    library = Library({".nv_fatbin": THREE}, [Wrapped(".nv_fatbin", 0)])
    library.make()
    library.extra = [library.at[".nv_fatbin", 1] + into]
    data = library.make()
    source, headers = Bytes(data), headers_of(data)
    result = b"".join(rewrite(source, headers, prune(source, headers, H100).changes).blocks(source))
    assert addresses(result) == addresses(data)


def test_so_does_a_symbol_that_others_can_see() -> None:
    library = Library({".nv_fatbin": THREE}, [Wrapped(".nv_fatbin", index) for index in range(3)])
    library.make()
    library.exported = library.at[".nv_fatbin", 2]
    data = library.make()
    assert addresses(pruned(data)[0]) == addresses(data)


def test_so_does_a_wrapper_that_is_none() -> None:
    data = bytearray(simple(*THREE))
    at = headers_of(bytes(data)).section(".nvFatBinSegment")
    assert at is not None
    struct.pack_into("<I", data, at.offset, 0x12345678)
    assert addresses(pruned(bytes(data))[0]) == addresses(bytes(data))


def test_resource_tables_are_found_by_address() -> None:
    library = Library({".cask_resource": THREE, ".nv_fatbin": THREE}, [Wrapped(".nv_fatbin", 0)])
    data = library.make()
    result, _ = pruned(data)
    assert names(result) == ["sm_90"] * 6
    assert addresses(result)[:3] == [library.at[".cask_resource", index] for index in range(3)]
    assert prune(Bytes(result), headers_of(result), H100).changes == Changes()


@pytest.mark.parametrize("section", [".ldata", ".rodata"])
def test_what_is_linked_later_is_left_alone(section: str) -> None:
    data = Library({section: THREE}).make()
    assert prune(Bytes(data), headers_of(data), H100).changes == Changes()


def test_lists_of_what_was_linked_before() -> None:
    library = Library(
        {"__nv_relfatbin": [*THREE, *THREE]}, [Wrapped("__nv_relfatbin", 0, (3, 4, 5)), Wrapped("__nv_relfatbin", 1)]
    )
    data = library.make()
    result, pruning = pruned(data)
    assert names(result) == ["sm_90"] * 6
    # 0 and 1 follow each other; 2 is pointed to by nobody; 3 to 5, from the list, follow it.
    assert addresses(result)[2] == library.at["__nv_relfatbin", 2]
    assert [b - a for a, b in zip(addresses(result)[2:], addresses(result)[3:], strict=False)] == [40_080] * 3  # type: ignore[operator]
    assert len(pruning.changes.regions) == 2


@pytest.mark.parametrize("align", [8, 16, 64, 4096])
def test_alignment_is_kept(align: int) -> None:
    padded = [one + bytes(-len(one) % align) for one in THREE]
    data = Library({".nv_fatbin": padded}, [Wrapped(".nv_fatbin", index) for index in range(3)], align=align).make()
    assert [one % align for one in addresses(pruned(data)[0]) if one] == [0, 0, 0]


def test_words_that_hold_nothing_are_left_so() -> None:
    library = Library({".nv_fatbin": THREE}, [Wrapped(".nv_fatbin", index) for index in range(3)], stored=False)
    data = library.make()
    result, pruning = pruned(data)
    assert names(result) == ["sm_90"] * 3
    assert len(pruning.changes.patches) == 2


def test_without_section_headers_nothing_is_pruned() -> None:
    data = Library({".nv_fatbin": THREE}, [Wrapped(".nv_fatbin", 0)], sections=False).make()
    assert prune(Bytes(data), headers_of(data), H100).changes == Changes()


# -- who has no code --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "wanted", "left_out"),
    [
        (["sm_80", "sm_90"], ("h100",), []),
        (["sm_80", "sm_90"], ("h100", "b200"), ["b200"]),
        (["sm_80", "compute_90"], ("h100", "b200"), []),
        (["sm_80", "sm_86"], ("v100", "h100", "a100"), ["v100", "h100"]),
        (["lto_80", "odd_80"], ("h100",), []),
    ],
)
def test_gpus_that_nothing_runs_on(entries: list[str], wanted: tuple[str, ...], left_out: list[str]) -> None:
    data = simple(make_fatbin(*entries), make_fatbin(*entries))
    assert [one.name for one in prune(Bytes(data), headers_of(data), gpus(*wanted)).uncovered] == left_out


def test_what_the_device_linker_leaves_counts_for_nobody() -> None:
    data = Library({".nv_fatbin": [make_fatbin("sm_75")]}).make()
    assert prune(Bytes(data), headers_of(data), H100).uncovered == ()


def test_one_container_that_runs_is_enough() -> None:
    data = simple(make_fatbin("sm_100", "sm_120"), make_fatbin("sm_90"))
    assert prune(Bytes(data), headers_of(data), H100).uncovered == ()


def test_no_device_code() -> None:
    data = Library({".rodata": [bytes(100)]}).make()
    assert prune(Bytes(data), headers_of(data), H100) == Pruning()


@pytest.mark.parametrize("into", ["code", "headers"])
@pytest.mark.parametrize("packed", [False, True], ids=["rela", "relr"])
def test_what_the_loader_writes_to_is_left_alone(packed: bool, into: str) -> None:  # noqa: FBT001
    library = Library({".nv_fatbin": THREE}, [Wrapped(".nv_fatbin", index) for index in range(3)], packed)
    data = bytearray(library.make())
    wrappers = headers_of(bytes(data)).section(".nvFatBinSegment")
    assert wrappers
    place = data.index(struct.pack("<Q", wrappers.address + 8))
    struct.pack_into("<Q", data, place, library.at[".nv_fatbin", 1] + 40_000 if into == "code" else 40)
    with pytest.raises(ElfError, match="the loader writes into its headers or its device code"):
        prune(Bytes(bytes(data)), headers_of(bytes(data)), H100)


def test_damage_is_told() -> None:
    data = simple(THREE[0] + b"and more")
    with pytest.raises(ElfError, match="add up"):
        prune(Bytes(data), headers_of(data), H100)


# -- as the loader sees it --------------------------------------------------------------------------------------------


@x86_64
@pytest.mark.parametrize("packed", [False, True], ids=["rela", "relr"])
@pytest.mark.parametrize("stored", [False, True], ids=["table only", "stored in place too"])
def test_wrappers_of_the_loaded_library_lead_to_what_was_kept(tmp_path: Path, packed: bool, stored: bool) -> None:  # noqa: FBT001
    containers = [make_fatbin(big(f"sm_{80 + index}"), big("sm_90", 30_000 + 8 * index)) for index in range(4)]
    wrappers = [Wrapped(".nv_fatbin", index) for index in (2, 0, 3, 1)]
    data = Library({".nv_fatbin": containers}, wrappers, packed, stored).make()
    source, headers = Bytes(data), headers_of(data)
    changes = replace(prune(source, headers, H100).changes, bare=True)
    path = tmp_path / "pruned.so"
    path.write_bytes(b"".join(rewrite(source, headers, changes).blocks(source)))
    loaded = ctypes.CDLL(str(path))
    words = (ctypes.c_uint64 * 12).in_dll(loaded, "wrappers")
    for number, wrapper in enumerate(wrappers):
        wanted = make_fatbin(big("sm_90", 30_000 + 8 * wrapper.index))
        assert ctypes.string_at(words[3 * number + 1], len(wanted)) == wanted
