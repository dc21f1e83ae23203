from __future__ import annotations

import struct
import tracemalloc

import pytest

from slimtorch.elf import agree, headers, layout
from slimtorch.elf.headers import PT_PHDR, SHT_NULL, Headers, Section
from slimtorch.elf.layout import Layout, Range
from slimtorch.elf.reading import Bytes
from slimtorch.elf.rewrite import Changes, Patch, Region, rewrite
from slimtorch.elf.splice import Copy, Splice, Spliced, Zeros
from slimtorch.errors import ElfError
from tests.support.libraries import make_library

CODE = bytes(range(1, 251)) * 800
SECTIONS = {
    ".rodata": ("r", b"before"),
    ".nv_fatbin": ("r", CODE),
    ".eh_frame": ("r", b"after" * 20),
    ".text": ("x", b"\xc3" * 5000),
    ".data": ("w", b"data" * 100),
    "writable_code": ("w", CODE),
    ".last": ("w", b"last"),
}
LIBRARY = make_library(SECTIONS, symbols={"blob": (".nv_fatbin", 0)})


def opened(data: bytes) -> tuple[Bytes, Headers]:
    found = headers.read(Bytes(data))
    assert found is not None
    return Bytes(data), found


def named(found: Headers, name: str) -> Section:
    section = found.section(name)
    assert section is not None
    return section


def kept(found: Headers, size: int, name: str = ".nv_fatbin") -> Region:
    """The section keeps its first bytes only."""
    section = named(found, name)
    return Region(section.offset, section.end, (Copy(section.offset, size),))


def whole(splice: Splice, source: Bytes) -> bytes:
    return b"".join(splice.blocks(source))


def made(data: bytes, *names: str, keep: int = 1000, bare: bool = False) -> tuple[bytes, Headers]:
    """The library with only the first bytes of these sections, checked against the old one."""
    source, found = opened(data)
    splice = rewrite(source, found, Changes([kept(found, keep, name) for name in names], bare=bare))
    result = whole(splice, source)
    assert len(result) == splice.size
    assert agree.complaints(source, Bytes(result), agree.spans(found, names)) == ()
    return result, opened(result)[1]


def test_bare_drops_what_no_segment_loads() -> None:
    result, found = made(LIBRARY, bare=True)
    _, old = opened(LIBRARY)
    assert b"hidden" not in result
    assert b"made up" not in result
    assert found.segments == old.segments
    gone = {".comment", ".debug_info", ".symtab", ".strtab"}
    assert [section.name for section in found.sections] == [
        "" if section.name in gone else section.name for section in old.sections
    ]
    assert [section.type for section in found.sections].count(SHT_NULL) == 1 + len(gone)
    end = max(segment.end for segment in old.segments)
    assert len(result) < end + named(old, ".shstrtab").size + 8 + 64 * len(found.sections)
    assert named(found, ".dynsym").link == named(old, ".dynsym").link


def test_a_second_time_changes_nothing() -> None:
    for names, bare in (((), True), ((".nv_fatbin",), True), ((".nv_fatbin", "writable_code"), False)):
        result, found = made(LIBRARY, *names, bare=bare)
        assert rewrite(Bytes(result), found, Changes(bare=bare)).pieces == (Copy(0, len(result)),)


def test_no_change_is_the_old_file() -> None:
    source, found = opened(LIBRARY)
    assert whole(rewrite(source, found, Changes()), source) == LIBRARY


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("align", [0x1000, 0x10000, 0x200000])
@pytest.mark.parametrize("own_header", [True, False])
def test_a_gap_leaves_the_file_and_no_address_changes(machine: str, align: int, own_header: bool) -> None:  # noqa: FBT001
    data = make_library(SECTIONS, machine=machine, align=align, own_header=own_header, packed=True)
    _, old = opened(data)
    result, found = made(data, ".nv_fatbin", bare=True)
    page = layout.page_of(old)
    assert len(data) - len(result) > len(CODE) - 1000 - 3 * page
    assert len(found.segments) == len(old.segments) + 1
    assert (named(found, ".nv_fatbin").size, named(old, ".nv_fatbin").size) == (1000, len(CODE))
    assert named(found, ".eh_frame").address == named(old, ".eh_frame").address
    assert result[named(found, ".last").offset :][:4] == b"last"
    own = found.of_type(PT_PHDR)
    assert (own is not None) == own_header
    if own:
        assert (own.offset, own.file_size) == (found.segments_at, 56 * len(found.segments))
        assert own.address == found.address_of(own.offset)


def test_what_was_taken_out_reads_as_zeros_and_the_rest_as_before() -> None:
    _, old = opened(LIBRARY)
    result, found = made(LIBRARY, ".nv_fatbin")
    one, other = found.loads[:2]
    assert one.address + one.memory_size == other.address
    assert (one.address + one.file_size) % 4096 == 0
    section = named(old, ".nv_fatbin")
    end = one.offset + one.file_size
    assert result[section.offset :][:1000] == CODE[:1000]
    table = struct.pack("<I", found.segments[0].type)
    rest = result[section.offset + 1000 : end]
    assert rest.strip(b"\0").startswith(table)
    assert len(rest.strip(b"\0")) <= 56 * len(found.segments)


def test_symbols_stay_where_they_are_not_to_go() -> None:
    result, found = made(LIBRARY, ".nv_fatbin", bare=False)
    _, old = opened(LIBRARY)
    section = named(found, ".strtab")
    assert result[section.offset : section.end] == b"\0hidden\0"
    assert [one.name for one in found.sections] == [one.name for one in old.sections]


def test_a_gap_at_the_end_of_a_segment_needs_no_new_one() -> None:
    data = make_library({".text": ("x", b"\xc3"), ".data": ("w", b"d"), "tail": ("w", CODE)}, bss=0)
    _, old = opened(data)
    end = named(old, "tail").end
    data = make_library(
        {".text": ("x", b"\xc3"), ".data": ("w", b"d"), "tail": ("w", CODE + bytes(-end % 4096))}, bss=0
    )
    result, found = made(data, "tail", keep=10, bare=True)
    assert len(found.segments) == len(old.segments)
    assert len(result) < len(data) - len(CODE) + 3 * 4096


def test_two_gaps_and_a_patch_between() -> None:
    source, found = opened(LIBRARY)
    at = named(found, ".data").offset
    regions = [kept(found, 5, "writable_code"), kept(found, 9)]
    patches = [Patch(at + 8, b"DATA"), Patch(at, b"Data")]
    result = whole(rewrite(source, found, Changes(regions, patches, bare=True)), source)
    _, new = opened(result)
    assert result[named(new, ".data").offset :][:16] == b"DatadataDATAdata"
    assert len(new.loads) == len(found.loads) + 2
    complaints = agree.complaints(source, Bytes(result), agree.spans(found, (".nv_fatbin", "writable_code")))
    assert len(complaints) == 1
    assert "the memory differs" in complaints[0]


@pytest.mark.parametrize("more", [{"interpreter": "/lib/ld.so"}, {"kind": 2}])
def test_programs_keep_gaps_as_zeros(more: dict[str, object]) -> None:
    data = make_library(SECTIONS, **more)
    result, found = made(data, ".nv_fatbin")
    assert len(result) == len(data)
    assert found.loads == opened(data)[1].loads
    section = named(found, ".nv_fatbin")
    assert result[section.offset : section.offset + len(CODE)] == CODE[:1000] + bytes(len(CODE) - 1000)
    assert section.size == 1000


def test_small_gaps_stay_as_zeros() -> None:
    data = make_library({"code": ("r", CODE[:9000]), ".data": ("w", b"d")})
    result, found = made(data, "code", keep=50)
    assert len(result) == len(data)
    assert len(found.segments) == len(opened(data)[1].segments)


def test_only_the_largest_of_many_gaps_cost_a_mapping() -> None:
    names = [f"part{number:03}" for number in range(layout.MOST_GAPS + 12)]
    parts = {name: ("r", CODE[: 30_000 + 5000 * (number % 3)]) for number, name in enumerate(names)}
    data = make_library({**parts, ".data": ("w", b"d")})
    _, found = made(data, *names, keep=10, bare=True)
    assert len(found.loads) == 2 + layout.MOST_GAPS


def test_section_headers_that_are_loaded_stay_and_move() -> None:
    """As patchelf leaves a library: the section headers stand in a loaded segment."""
    source, old = opened(LIBRARY)
    data = bytearray(LIBRARY)
    data[old.sections_at :] = bytes(len(data) - old.sections_at)
    start = named(old, "writable_code").offset
    data[start : start + 64 * len(old.sections)] = LIBRARY[old.sections_at :]
    struct.pack_into("<Q", data, 40, start)
    source, found = opened(bytes(data))
    result = whole(rewrite(source, found, Changes(bare=True)), source)
    _, new = opened(result)
    assert agree.complaints(source, Bytes(result)) == ()
    assert new.sections_at > named(new, ".last").offset
    assert len(result) < len(data)


def test_a_file_without_section_headers() -> None:
    data = make_library(SECTIONS, with_sections=False)
    source, found = opened(data)
    start = data.index(CODE)
    region = Region(start, start + len(CODE), (b"short", Zeros(3)))
    splice = rewrite(source, found, Changes([region], bare=True))
    assert splice.size < len(data) - len(CODE) + 3 * 4096
    (load, *_) = found.loads
    span = (load.address + start, load.address + start + len(CODE))
    assert agree.complaints(source, Spliced(source, splice), [span]) == ()


NOTE = named(opened(LIBRARY)[1], ".note.gnu.build-id")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (Changes([Region(5000, 5004, (b"12345",))]), "1 bytes too long"),
        (Changes([Region(5000, 6000, ()), Region(5500, 7000, ())]), "do not fit"),
        (Changes([Region(5000, 6000, ())], [Patch(5999, b"x")]), "do not fit"),
        (Changes(patches=[Patch(5000, b"xy"), Patch(5001, b"x")]), "changed twice"),
        (Changes(patches=[Patch(len(LIBRARY) - 1, b"xy")]), "the file ends before"),
        (Changes(patches=[Patch(len(LIBRARY) - 1000, b"xy")], bare=True), "do not fit"),
        (Changes([Region(len(LIBRARY) - 8, len(LIBRARY) + 8, ())]), "do not fit"),
        (Changes([Region(0, 400, (bytes(400),))]), "do not fit"),
        (Changes([Region(NOTE.offset, NOTE.end, ())]), "more than one segment"),
    ],
)
def test_changes_that_do_not_fit_are_refused(changes: Changes, message: str) -> None:
    source, found = opened(LIBRARY)
    with pytest.raises(ElfError, match=message):
        rewrite(source, found, changes)


def test_a_region_that_two_sections_claim_is_refused() -> None:
    data = bytearray(LIBRARY)
    _, found = opened(LIBRARY)
    number = [section.name for section in found.sections].index(".rodata")
    struct.pack_into("<Q", data, found.sections_at + 64 * number + 32, 5000)
    source, found = opened(bytes(data))
    with pytest.raises(ElfError, match=r"\.rodata and \.nv_fatbin share"):
        rewrite(source, found, Changes([kept(found, 100)]))


def test_what_follows_the_end_is_not_lost() -> None:
    source, found = opened(LIBRARY + b"PK\3\4 an archive")
    with pytest.raises(ElfError, match="15 bytes follow the end"):
        rewrite(source, found, Changes(bare=True))
    source, found = opened(LIBRARY + bytes(5000))
    assert rewrite(source, found, Changes(bare=True)).size < len(LIBRARY)


class Sparse:
    """Four gigabytes of zeros behind the headers."""

    size = 4 << 30

    def __init__(self, head: bytes) -> None:
        self._head = head

    def at(self, offset: int, size: int) -> bytes:
        head = self._head[offset : offset + size]
        return head + bytes(max(0, min(size, self.size - offset) - len(head)))


def test_a_large_file_is_not_held_in_memory() -> None:
    head = bytearray(make_library({".text": ("x", b"\xc3")}, with_sections=False, bss=0))
    last = 64 + 2 * 56
    struct.pack_into("<QQ", head, last + 32, (4 << 30) - 0x2000, (4 << 30) - 0x2000)
    source = Sparse(bytes(head))
    found = headers.read(source)
    assert found is not None
    start = 1 << 20
    region = Region(start, source.size - start, (Copy(start, 2 << 30),))
    tracemalloc.start()
    splice = rewrite(source, found, Changes([region], bare=True))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 2 << 30 < splice.size < (2 << 30) + (4 << 20)
    assert peak < 1 << 20


def test_layout_moves_what_follows_a_cut() -> None:
    where = Layout([Range(100, 200), Range(300, 310)])
    assert [where.moved(offset) for offset in (0, 99, 100, 150, 199, 200, 299, 300, 305, 310, 400)] == [
        *(0, 99, 100, 100, 100, 100, 199),
        *(200, 200, 200, 290),
    ]


def test_program_headers_go_behind_a_section_rather_than_into_it() -> None:
    source, found = opened(LIBRARY)
    start, end = named(found, ".nv_fatbin").offset, named(found, ".nv_fatbin").end
    regions = [Region(start, start + 150_000, (b"one",)), Region(start + 150_000, end, (b"two",))]
    result = whole(rewrite(source, found, Changes(regions)), source)
    _, new = opened(result)
    section = named(new, ".nv_fatbin")
    assert section.end <= new.segments_at
    assert result[section.offset : section.end].strip(b"\0").endswith(b"two")
    assert agree.complaints(source, Bytes(result), agree.spans(found, [".nv_fatbin"])) == ()
    assert rewrite(Bytes(result), new, Changes()).size == len(result)


def rewritten(data: bytes, changes: Changes, *names: str) -> bytes:
    """The library after the changes, which may differ in these sections."""
    source, found = opened(data)
    result = whole(rewrite(source, found, changes), source)
    assert agree.complaints(source, Bytes(result), agree.spans(found, names)) == ()
    return result


def in_pieces(**more: object) -> tuple[bytes, Section]:
    """A library with a gap in the middle of a section, after which the section's end is loaded from elsewhere."""
    data = make_library(SECTIONS, **more)
    section = named(opened(data)[1], ".nv_fatbin")
    middle = section.offset + 5000
    regions = [Region(middle, middle + 150_000, (b"one",)), Region(section.end - 9000, section.end, (b"two",))]
    return rewritten(data, Changes(regions), ".nv_fatbin"), section


@pytest.mark.parametrize("own_header", [True, False])
def test_a_library_that_was_rewritten_before_may_lose_what_nothing_loads(own_header: bool) -> None:  # noqa: FBT001
    """Its program headers, now in a gap, move with what is before them; a section in pieces stays."""
    once, section = in_pieces(own_header=own_header)
    result = rewritten(once, Changes(bare=True))
    assert len(result) < len(once)
    _, found = opened(result)
    again = named(found, ".nv_fatbin")
    assert again.address == section.address
    assert result[again.offset : again.end] == once[again.offset : again.end]
    assert rewrite(Bytes(result), found, Changes(bare=True)).pieces == (Copy(0, len(result)),)


def test_a_section_in_pieces_may_change_again() -> None:
    once, section = in_pieces()
    _, found = opened(once)
    spans = agree.spans(found, [".nv_fatbin"])
    assert len(spans) > 1
    assert max(end for _, end in spans) > section.address + named(found, ".nv_fatbin").size
    changed = bytearray(once)
    changed[(found.offset_of(spans[-1][1]) or 0) - 1] ^= 1
    assert agree.complaints(Bytes(once), Bytes(bytes(changed)), spans) == ()


def field(found: Headers, number: int, at: int) -> int:
    return found.segments_at + 56 * number + at


def test_program_headers_that_tell_a_wrong_place_of_themselves_are_refused() -> None:
    data = bytearray(make_library(SECTIONS, own_header=True))
    _, found = opened(bytes(data))
    struct.pack_into("<QQQQQ", data, field(found, 0, 8), 0x9000, 0, 0, 0, 0)
    source, found = opened(bytes(data))
    with pytest.raises(ElfError, match="does not tell where they are"):
        rewrite(source, found, Changes(bare=True))


@pytest.mark.parametrize("first", [0x1000, 0x8000])
def test_the_largest_alignment_is_still_asked_for(first: int) -> None:
    """A segment behind the gap asks for it, and cannot any more: another one has to."""
    data = bytearray(make_library({**SECTIONS, ".nv_fatbin": ("r", CODE[:90_000])}, align=0x8000))
    _, found = opened(bytes(data))
    loads = [number for number, one in enumerate(found.segments) if one.type == headers.PT_LOAD]
    for number in loads[:-1]:
        struct.pack_into("<Q", data, field(found, number, 48), first)
    _, found = opened(bytes(data))
    result = rewritten(bytes(data), Changes([kept(found, 1000)], bare=True), ".nv_fatbin")
    assert max(load.align for load in opened(result)[1].loads) == 0x8000


@pytest.mark.parametrize("at", [16, 100])
def test_tables_of_the_loader_that_stand_in_the_headers_are_refused(at: int) -> None:
    data = bytearray(LIBRARY)
    _, found = opened(LIBRARY)
    struct.pack_into("<Q", data, named(found, ".dynamic").offset + 8, at)
    source, found = opened(bytes(data))
    with pytest.raises(ElfError, match="a table of the loader stands in the headers"):
        rewrite(source, found, Changes(bare=True))
