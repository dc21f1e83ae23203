"""Whatever stands in a file: our readers say what they make of it, and what they rewrite is proven or refused."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hypothesis import assume, given, settings
from hypothesis import strategies as some

from slimtorch.elf.fatbin import agree, container, find
from slimtorch.elf.fatbin.prune import prune
from slimtorch.elf.headers import read
from slimtorch.elf.reading import Bytes
from slimtorch.elf.rewrite import rewrite
from slimtorch.errors import ElfError
from slimtorch.tables.gpus import Gpu
from slimtorch.tables.gpus import find as gpu
from tests.support.fatbins import Library, Wrapped, big, make_entry, make_fatbin

CUBINS = [f"sm_{number}{suffix}" for number in (75, 80, 86, 87, 90, 100, 101, 102, 103, 110, 120) for suffix in "-af"]
PTX = [f"compute_{number}{suffix}" for number in (70, 80, 90, 100, 120) for suffix in "-af"]
NAMES = [name.rstrip("-") for name in (*CUBINS, *PTX, "lto_80", "odd_90")]
GPUS = some.lists(
    some.sampled_from(["t4", "a100", "l4", "jetson-agx-orin", "h100", "b200", "b300", "thor", "gb10"]),
    min_size=1,
    max_size=3,
)
SECTIONS = [".nv_fatbin", "__nv_relfatbin", ".cask_resource", ".ldata"]


def named(names: list[str]) -> tuple[Gpu, ...]:
    return tuple(one for name in names if (one := gpu(name)))


def examine(data: bytes, gpus: tuple[Gpu, ...], keep_ptx: str) -> tuple[bytes | None, tuple[str, ...]]:
    """The rewritten file and what the proof says of it; None where the file is refused."""
    source = Bytes(data)
    try:
        headers = read(source)
        if headers is None:
            return None, ()
        changes = prune(source, headers, gpus, keep_ptx).changes
        result = b"".join(rewrite(source, headers, changes).blocks(source))
    except ElfError:
        return None, ()
    return result, agree.complaints(source, Bytes(result), gpus, keep_ptx)


@dataclass(frozen=True)
class Recipe:
    """A library in a line: sections with containers of entries (name, bytes; 0 for a few), (section, container) of
    each wrapper, which container a pointer of unknown use leads to.
    """

    code: tuple[tuple[str, tuple[tuple[tuple[str, int], ...], ...]], ...]
    wrappers: tuple[tuple[str, int], ...] = ()
    packed: bool = False
    stored: bool = True
    extra: int | None = None

    def made(self) -> bytes:
        code = {section: [make_fatbin(*map(_entry, one)) for one in containers] for section, containers in self.code}
        library = Library(code, [Wrapped(*one) for one in self.wrappers], packed=self.packed, stored=self.stored)
        if self.extra is not None:
            library.make()
            places = sorted(library.at.values())
            library.extra = [places[self.extra % len(places)]]
        return library.make()


def _entry(of: tuple[str, int]) -> bytes:
    name, size = of
    return big(name, size) if size else make_entry(name)


ENTRIES = some.lists(some.tuples(some.sampled_from(NAMES), some.sampled_from([0, 8, 5_000, 30_000])), max_size=7)
CONTAINERS = some.lists(ENTRIES.map(tuple), min_size=1, max_size=5).map(tuple)


@some.composite
def recipes(draw: some.DrawFn) -> Recipe:
    names = draw(some.lists(some.sampled_from(SECTIONS), min_size=1, max_size=3, unique=True))
    code = tuple((name, draw(CONTAINERS)) for name in names)
    places = [(name, at) for name, every in code if name in find.FATBIN_SECTIONS for at in range(len(every))]
    wrapped = [place for place in draw(some.permutations(places)) if draw(some.integers(0, 5))]
    extra = draw(some.one_of(some.none(), some.integers(0, 14)))
    return Recipe(code, tuple(wrapped), packed=draw(some.booleans()), stored=draw(some.booleans()), extra=extra)


@settings(max_examples=150, deadline=None)
@given(recipes(), GPUS, some.sampled_from(["none", "newest"]))
def test_every_library_is_pruned_and_proven(recipe: Recipe, names: list[str], keep_ptx: str) -> None:
    gpus = named(names)
    result, complaints = examine(recipe.made(), gpus, keep_ptx)
    assert complaints == ()
    assert result is not None, "refused"
    again, more = examine(result, gpus, keep_ptx)
    assert more == ()
    assert again is not None, "refused the second time"
    assert _differs(result, again) is None


def _differs(one: bytes, other: bytes) -> int | None:
    """The first place where they differ: a number is easier to read than two libraries."""
    if one == other:
        return None
    return next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))


SMALL = Library(
    {
        ".nv_fatbin": [make_fatbin("sm_80", "sm_90", "compute_90"), make_fatbin("sm_90")],
        ".rodata": [make_fatbin("lto_80")],
    },
    [Wrapped(".nv_fatbin", 1), Wrapped(".nv_fatbin", 0)],
)
DATA = SMALL.make()
INTERESTING = [
    *range(64 + 56 * 5),
    *range(0x200, 0x2A0),
    *range(0x10000, 0x10000 + 1000),
    *range(0x12000, 0x12000 + 300),
    *range(len(DATA) - 900, len(DATA)),
]
"""Headers, tables, device code, wrappers, the dynamic section and the section headers."""
VALUES = some.one_of(
    some.integers(0, 255).map(lambda byte: bytes([byte])),
    some.sampled_from(
        [0, 1, 7, 16, 63, 64, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]
    ).map(lambda word: struct.pack("<Q", word)),
    some.sampled_from([container.START, b"\x7fELF", bytes(16)]),
)


@settings(max_examples=600, deadline=None)
@given(some.lists(some.tuples(some.sampled_from(INTERESTING), VALUES), min_size=1, max_size=4), GPUS)
def test_damaged_files_are_refused_or_proven(edits: list[tuple[int, bytes]], names: list[str]) -> None:
    data = bytearray(DATA)
    for at, value in edits:
        data[at : at + len(value)] = value
    _, complaints = examine(bytes(data[: len(DATA)]), named(names), "none")
    assert complaints == ()


@settings(max_examples=200, deadline=None)
@given(some.integers(0, len(DATA)))
def test_files_that_are_cut_off(size: int) -> None:
    assert examine(DATA[:size], named(["h100"]), "none")[1] == ()


@settings(max_examples=200, deadline=None)
@given(some.binary(max_size=400))
def test_any_bytes_after_a_start(rest: bytes) -> None:
    data = container.START + rest
    codes = container.codes(Bytes(data), 0, len(data))
    if codes is not None:
        assert sum(code.size for code in codes) <= len(rest)


PRUNED = examine(DATA, named(["h100"]), "none")[0] or b""
(PLACE,) = (
    [one for one in find.containers(Bytes(PRUNED), headers) if one.offset == 0x10000]
    if (headers := read(Bytes(PRUNED)))
    else []
)


@settings(max_examples=200, deadline=None)
@given(some.integers(PLACE.offset, PLACE.offset + PLACE.size - 1), some.integers(1, 255))
def test_no_changed_byte_of_kept_code_is_overlooked(at: int, change: int) -> None:
    spoiled = bytearray(PRUNED)
    spoiled[at] ^= change
    assume(bytes(spoiled) != PRUNED)
    assert agree.complaints(Bytes(DATA), Bytes(bytes(spoiled)), named(["h100"]))
