"""New contents for parts of a library, and nothing that no segment loads: headers, parts → the new file as a `Splice`.

No virtual address changes: what is taken out of a loaded segment becomes a hole in the file, never in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.elf.splice import Splice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slimtorch.elf.headers import Headers
    from slimtorch.elf.reading import Readable
    from slimtorch.elf.splice import Piece

LEAST_GAP = 16 << 10
"""Bytes of a gap from which on it is worth a segment of its own."""


@dataclass(frozen=True, slots=True)
class Region:
    """The file range from `start` up to `end` gets these pieces at its start; the rest of it nobody reads any more."""

    start: int
    end: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes that replace as many at the file offset `offset`, outside of every region."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Changes:
    """What to change of a file. `bare` drops what no segment loads (symbols, debugging sections, comments)."""

    regions: Sequence[Region] = ()
    patches: Sequence[Patch] = ()
    bare: bool = False


def rewrite(source: Readable, headers: Headers, changes: Changes) -> Splice:
    """The changed file: same addresses, same dynamic section, a section header table that is true of what remains.

    Raises:
        ElfError: the changes do not fit the file.
    """
    raise NotImplementedError(source, headers, changes)
