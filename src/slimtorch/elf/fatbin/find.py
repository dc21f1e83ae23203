"""Every container of device code in what a library's segments load.

In the sections that hold nothing else every byte must add up; elsewhere the containers' first bytes are looked for,
and what follows has to be a container to its exact end.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from slimtorch.elf.fatbin import container
from slimtorch.elf.fatbin.model import Container
from slimtorch.elf.fatbin.places import Places
from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.elf.fatbin.model import Code
    from slimtorch.elf.fatbin.places import Piece
    from slimtorch.elf.headers import Headers
    from slimtorch.elf.reading import Readable

FATBIN_SECTIONS = frozenset({".nv_fatbin", "__nv_relfatbin"})
"""Sections that hold containers back to back and nothing else."""
ALIGNMENT = 8
MOST_CONTAINERS = 1 << 20
_MOST_FALSE_STARTS = 1000
_BLOCK = 1 << 20


def containers(source: Readable, headers: Headers) -> tuple[Container, ...]:
    """The containers that `source` loads, by address.

    Raises:
        ElfError: a section of device code does not add up, or there are more starts of containers than a library has.
    """
    found: list[Container] = []
    wrong = 0
    for section, piece in Places(headers).sectioned():
        search = _back_to_back if section in FATBIN_SECTIONS else _anywhere
        for one in search(source, piece, section):
            if one:
                found.append(one)
            wrong += one is None
            if len(found) > MOST_CONTAINERS or wrong > _MOST_FALSE_STARTS:
                raise ElfError("there are more starts of device code than a library has")
    ordered = sorted(found, key=lambda one: one.offset)
    if any(one.offset + one.size > other.offset for one, other in pairwise(ordered)):
        raise ElfError("two segments load the same device code")
    return tuple(found)


def _back_to_back(source: Readable, piece: Piece, section: str) -> Iterator[Container | None]:
    at, end = piece.offset, piece.offset + piece.size
    while (at := _something(source, at, end)) < end:
        codes = container.codes(source, at, end)
        if codes is None or (at - piece.offset + piece.address) % ALIGNMENT:
            raise ElfError(
                f"the device code in {section} does not add up at byte {at}",
                hint="the library is damaged, or made by a tool that slimtorch does not know",
            )
        one = _container(at, codes, section)
        yield one
        at += one.size


def _anywhere(source: Readable, piece: Piece, section: str) -> Iterator[Container | None]:
    """The containers, and None for each start that belongs to none."""
    at, end = piece.offset, piece.offset + piece.size
    while (at := _start(source, at, end)) < end:
        codes = container.codes(source, at, end)
        one = None if codes is None else _container(at, codes, section)
        yield one
        at += one.size if one else len(container.START)


def _container(at: int, codes: tuple[Code, ...], section: str) -> Container:
    return Container(at, container.HEADER.size + sum(code.size for code in codes), section, codes)


def _something(source: Readable, at: int, end: int) -> int:
    """The first byte from `at` on that is not zero, or `end`."""
    size = 16  # Mostly a container follows at once.
    while at < end:
        block = source.at(at, min(size, end - at))
        if not block:
            return end
        if rest := block.lstrip(b"\0"):
            return at + len(block) - len(rest)
        at, size = at + len(block), _BLOCK
    return end


def _start(source: Readable, at: int, end: int) -> int:
    """Where the next container may begin, or `end`. Blocks overlap, so that no start is cut in two."""
    overlap = len(container.START) - 1
    size = 256  # Mostly the next one is near.
    while at + overlap < end:
        block = source.at(at, min(size, end - at))
        found = block.find(container.START)
        if found >= 0:
            return at + found
        if len(block) <= overlap:
            return end
        at, size = at + len(block) - overlap, _BLOCK
    return end
