"""What a file's segments put into memory, read by address: what the loader and the program see of it."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from slimtorch.elf.headers import Headers
    from slimtorch.elf.reading import Readable

Span = tuple[int, int]
"""Addresses from the first up to the second."""


class Memory:
    """The loaded segments of a file before relocation."""

    __slots__ = ("_loads", "_source", "_starts")

    def __init__(self, source: Readable, headers: Headers) -> None:
        self._source = source
        self._loads = headers.loads
        self._starts = [load.address for load in self._loads]

    def stored(self) -> list[Span]:
        """The addresses whose bytes come from the file."""
        return [(load.address, load.address + load.file_size) for load in self._loads if load.file_size]

    def at(self, address: int, size: int) -> bytes:
        """`size` bytes from `address` on; zeros where no byte of the file is loaded."""
        first, end = max(0, bisect_right(self._starts, address) - 1), address + size
        load = self._loads[first]
        if load.address <= address and end <= load.address + load.file_size:
            return self._source.at(load.offset + address - load.address, size)
        found = bytearray(size)
        for load in self._loads[first:]:
            if load.address >= end:
                break
            low, high = max(address, load.address), min(end, load.address + load.file_size)
            if low < high:
                found[low - address : high - address] = self._source.at(load.offset + low - load.address, high - low)
        return bytes(found)


def without(spans: Iterable[Span], holes: Iterable[Span]) -> Iterator[Span]:
    """What the spans have outside of the holes; the spans sorted and apart, the holes in any order."""
    ordered, index = sorted(holes), 0
    for low, high in spans:
        at = low
        while index < len(ordered) and ordered[index][1] <= at:
            index += 1
        for start, end in ordered[index:]:
            if start >= high:
                break
            if at < start:
                yield at, start
            at = max(at, end)
        if at < high:
            yield at, high
