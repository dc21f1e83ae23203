"""The headers of a 64-bit little-endian ELF file (gABI, chapters 4 and 5), read with every size checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from slimtorch.elf.reading import Readable


@dataclass(frozen=True, slots=True)
class Segment:
    """A program header, in file order. Offsets and sizes in bytes."""

    type: int
    flags: int
    offset: int
    address: int
    physical: int
    file_size: int
    memory_size: int
    align: int


@dataclass(frozen=True, slots=True)
class Section:
    """A section header with its name looked up."""

    name: str
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry_size: int


@dataclass(frozen=True, slots=True)
class Headers:
    """Everything of a file that says where things are. `machine` as `uname -m` writes it."""

    machine: str
    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    size: int

    def section(self, name: str) -> Section | None:
        """The first section called `name`."""
        return next((section for section in self.sections if section.name == name), None)


def read(source: Readable) -> Headers | None:
    """The headers, or None where the file is no ELF file that could be rewritten (32-bit, big-endian, another machine).

    Raises:
        ElfError: it is one, and its headers lie: out of the file, overlapping, or more than a file can have.
    """
    raise ElfError(repr(source))
