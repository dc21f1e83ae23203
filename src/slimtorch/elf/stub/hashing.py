"""The hash table by which the loader finds symbols (``DT_GNU_HASH``), and the two hash functions of names."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WORD = 64
"""Bits of a word of the Bloom filter."""
SHIFT = 6
PER_BUCKET, BITS_PER_NAME = 4, 12


def gnu(name: bytes) -> int:
    """The hash of ``DT_GNU_HASH``."""
    value = 5381
    for byte in name:
        value = (value * 33 + byte) & 0xFFFFFFFF
    return value


def sysv(name: bytes) -> int:
    """The hash of the gABI, which version definitions carry."""
    value = 0
    for byte in name:
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ high >> 24) & ~high
    return value & 0xFFFFFFFF


def buckets(count: int) -> int:
    """How many buckets a table for `count` names has."""
    return max(1, count // PER_BUCKET)


def table(names: Sequence[bytes]) -> bytes:
    """The table for symbols 1, 2, … of these names, which must be sorted by their bucket."""
    hashes, count = [gnu(name) for name in names], buckets(len(names))
    words = 1 << max(0, (len(names) * BITS_PER_NAME // WORD).bit_length())
    bloom, heads, chain = [0] * words, [0] * count, []
    for number, value in enumerate(hashes):
        bloom[value // WORD % words] |= 1 << value % WORD | 1 << (value >> SHIFT) % WORD
        bucket = value % count
        heads[bucket] = heads[bucket] or number + 1
        last = number + 1 == len(hashes) or hashes[number + 1] % count != bucket
        chain.append(value & ~1 | last)
    head = struct.pack("<IIII", count, 1, words, SHIFT)
    return head + struct.pack(f"<{words}Q{count}I{len(chain)}I", *bloom, *heads, *chain)
