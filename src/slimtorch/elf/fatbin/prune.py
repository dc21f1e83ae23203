"""A library with only the device code that some GPUs need: what changes, what goes, who is left without code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from slimtorch.elf import relocations
from slimtorch.elf.fatbin import find, keep, layout, wrappers
from slimtorch.elf.fatbin.layout import Kept
from slimtorch.elf.fatbin.model import Kind
from slimtorch.elf.fatbin.places import Places
from slimtorch.elf.rewrite import Changes
from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from slimtorch.elf.fatbin.layout import Layout
    from slimtorch.elf.fatbin.model import Code, Container
    from slimtorch.elf.headers import Headers
    from slimtorch.elf.reading import Readable
    from slimtorch.tables.gpus import Gpu

FIXED_SECTIONS = frozenset({".cask_resource"})
"""Sections whose containers are found through tables that nobody can list: they stay where they are."""
PRUNED_SECTIONS = find.FATBIN_SECTIONS | FIXED_SECTIONS
"""Others are left alone: what stands there is linked by nvJitLink, or read by ways that nobody has written down."""


@dataclass(frozen=True, slots=True)
class Pruning:
    """`changes` for `elf.rewrite`; `dropped` and `kept` are bytes by architecture (``sm_90``), in what is pruned.

    `uncovered` are the GPUs for which a library that has device code has none: as it was made, not by pruning.
    """

    changes: Changes = field(default_factory=Changes)
    dropped: Mapping[str, int] = field(default_factory=dict)
    kept: Mapping[str, int] = field(default_factory=dict)
    uncovered: tuple[Gpu, ...] = ()


def prune(source: Readable, headers: Headers, gpus: Collection[Gpu], keep_ptx: str = "none") -> Pruning:
    """What leaves each container only what `keep.kept` says, and nothing that loads or finds it worse off.

    Raises:
        ElfError: the library's device code or relocations do not add up; it is best left alone.
    """
    containers = find.containers(source, headers)
    if not containers:
        return Pruning()
    places = Places(headers)
    pruned = [one for one in containers if one.section in PRUNED_SECTIONS]
    codes = _kept(pruned, gpus, keep_ptx)
    every = [Kept(one, _address(places, one), codes[one.offset]) for one in pruned]
    dropped, stays = _bytes(every)
    words = wrappers.words(source, headers, places)
    pointed = {word.value for word in words}
    uncovered = _uncovered([one for one in containers if not _left_over(places, one, pointed)], gpus)
    if not dropped:
        return Pruning(kept=stays, uncovered=uncovered)
    if places.holds_table(find.FATBIN_SECTIONS):
        # They would move again, and what they leave behind would stand between containers.
        raise ElfError("its program headers stand in its device code since it was pruned", hint="prune the original")
    if relocations.writes(source, headers, [*places.headers, *wrappers.addresses(places, PRUNED_SECTIONS)]):
        raise ElfError("the loader writes into its headers or its device code")
    alone = wrappers.explain(source, headers, places, words, {one.address for one in every})
    made = _laid(places, every, pointed) if alone else layout.in_place(every)
    patches = [
        patch
        for word in words
        if word.value in made.moved
        for patch in relocations.patches(source, word, made.moved[word.value])
    ]
    return Pruning(Changes(tuple(made.regions), tuple(patches)), dropped, stays, uncovered)


def _kept(containers: Sequence[Container], gpus: Collection[Gpu], keep_ptx: str) -> dict[int, tuple[Code, ...]]:
    """What each container, by its offset, is to hold: its own entries, or the library's smallest useless one."""
    found = {one.offset: keep.kept(one, gpus, keep_ptx) for one in containers}
    useless = {offset: codes[0] for offset, codes in found.items() if keep.useless(codes, gpus)}
    smallest = min(useless.values(), key=lambda code: (code.size, code.offset), default=None)
    if smallest is None:
        return found
    return {
        offset: (smallest,) if offset in useless and smallest.size < useless[offset].size else codes
        for offset, codes in found.items()
    }


def _uncovered(containers: Sequence[Container], gpus: Collection[Gpu]) -> tuple[Gpu, ...]:
    """The GPUs that nothing in any container runs on; none where there is no code that would say."""
    if not any(code.kind in {Kind.CUBIN, Kind.PTX} for one in containers for code in one.codes):
        return ()
    return tuple(gpu for gpu in gpus if not any(keep.serving(one.codes, gpu) for one in containers))


def _left_over(places: Places, container: Container, pointed: Collection[int]) -> bool:
    """Whether it is what the device linker leaves in a library: one entry without a kernel, which nobody registers."""
    unused = container.section in find.FATBIN_SECTIONS and places.address(container.offset) not in pointed
    return unused and len(container.codes) == 1


def _address(places: Places, container: Container) -> int:
    address = places.address(container.offset)
    if address is None:  # find.containers looks at nothing that is not loaded
        raise AssertionError(container)
    return address


def _bytes(every: Sequence[Kept]) -> tuple[dict[str, int], dict[str, int]]:
    dropped: Counter[str] = Counter()
    stays: Counter[str] = Counter()
    for one in every:
        wanted = set(one.codes)
        for code in one.container.codes:
            (stays if code in wanted else dropped)[code.name] += code.size
    return dict(dropped), dict(stays)


def _laid(places: Places, every: Sequence[Kept], pointed: Collection[int]) -> Layout:
    """Containers that only wrappers point to close up in their section, all others where they are."""
    made = layout.in_place(one for one in every if one.container.section in FIXED_SECTIONS)
    for piece in places.of(find.FATBIN_SECTIONS):
        here = [
            replace(one, movable=one.address in pointed)
            for one in every
            if piece.offset <= one.container.offset < piece.offset + piece.size
        ]
        align = layout.alignment(places.align(piece.offset), [one.address for one in here])
        layout.back_to_back(piece, here, align, made)
    return made
