"""What an ELF file (gABI, chapters 4 and 5) asks of the system that loads it; any machine, 32 and 64 bits."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from slimtorch.elf.dynamic import DT_NEEDED, DT_SONAME, DT_STRTAB, LONGEST, MOST
from slimtorch.elf.headers import MAGIC, PT_DYNAMIC, PT_INTERP, PT_LOAD
from slimtorch.elf.reading import readable
from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

    from slimtorch.elf.reading import Readable

# gABI e_machine; names as `uname -m` and the platform tags of wheels write them.
MACHINES = {3: "i686", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "armv7l", 62: "x86_64", 183: "aarch64"}
MACHINES |= {2: "sparc", 8: "mips", 43: "sparc64", 50: "ia64", 243: "riscv", 258: "loongarch"}
DT_RPATH, DT_RUNPATH = 15, 29
WORDS = {b"\1\1": "<I", b"\1\2": ">I", b"\2\1": "<Q", b"\2\2": ">Q"}
"""How an address is packed, by EI_CLASS and EI_DATA."""
NEAR = 256
"""Bytes that nearly every name fits into."""


@dataclass(frozen=True, slots=True)
class ElfFile:
    """The dynamic facts of one file. `interpreter` is set for programs; `rpath` and `runpath` are split at colons."""

    machine: str
    soname: str = ""
    needed: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    interpreter: str = ""

    @property
    def is_program(self) -> bool:
        """Whether the kernel starts it through a loader."""
        return bool(self.interpreter)


def facts(stream: BinaryIO) -> ElfFile | None:
    """The facts of the file, or None where it is no ELF file or a damaged one. `stream` must be seekable."""
    source = readable(stream)
    head = source.at(0, 64)
    if not head.startswith(MAGIC):
        return None
    try:
        return _facts(source, head)
    except (ElfError, struct.error):
        return None


class _Segment(NamedTuple):
    type: int
    offset: int
    address: int
    size: int


def _facts(source: Readable, head: bytes) -> ElfFile:
    word = WORDS.get(head[4:6])
    if word is None:
        raise ElfError("it is neither a 32-bit nor a 64-bit file, or has no order of bytes")
    (machine,) = struct.unpack_from(word[0] + "H", head, 18)
    segments = _segments(source, head, word)
    values = _values(source, segments, word)
    programs = [_text(source, one.offset, one.size) for one in segments if one.type == PT_INTERP]
    return ElfFile(
        MACHINES.get(machine, str(machine)),
        "".join(values.get(DT_SONAME, ())[-1:]),
        tuple(values.get(DT_NEEDED, ())),
        _split(values.get(DT_RPATH, ())),
        _split(values.get(DT_RUNPATH, ())),
        "".join(programs[:1]),
    )


def _segments(source: Readable, head: bytes, word: str) -> list[_Segment]:
    """The program headers, their fields in the order of either class (Elf32_Phdr, Elf64_Phdr)."""
    order, wide = word[0], word[1] == "Q"
    (at,) = struct.unpack_from(word, head, 32 if wide else 28)
    size, count = struct.unpack_from(order + "HH", head, 54 if wide else 42)
    layout = struct.Struct(order + ("I4xQQ8xQ16x" if wide else "III4xI12x"))
    if count and size != layout.size:
        raise ElfError("its program headers have a size that the format does not know")
    data = source.at(at, count * size)
    if len(data) != count * size:
        raise ElfError("its program headers reach past the end of the file")
    segments = [_Segment(*fields) for fields in layout.iter_unpack(data)]
    if any(one.type == PT_LOAD and one.offset + one.size > source.size for one in segments if one.size):
        raise ElfError("a segment reaches past the end of the file")
    return segments


def _values(source: Readable, segments: list[_Segment], word: str) -> Mapping[int, list[str]]:
    """The names that the dynamic section tells of, by tag, in order."""
    segment = next((one for one in segments if one.type == PT_DYNAMIC), None)
    if segment is None:
        return {}
    pair = struct.Struct(word + word[1])
    data = source.at(segment.offset, min(segment.size, MOST * pair.size))
    values: dict[int, list[int]] = {}
    for tag, value in pair.iter_unpack(data[: len(data) // pair.size * pair.size]):
        if tag == 0:
            break
        values.setdefault(tag, []).append(value)
    wanted = {tag: values[tag] for tag in (DT_NEEDED, DT_SONAME, DT_RPATH, DT_RUNPATH) if tag in values}
    if not wanted:
        return {}
    strings = _offset(segments, values.get(DT_STRTAB, [0])[-1])
    return {tag: [_text(source, strings + at, LONGEST) for at in places] for tag, places in wanted.items()}


def _offset(segments: list[_Segment], address: int) -> int:
    """Where in the file a virtual address is."""
    for one in segments:
        if one.type == PT_LOAD and one.address <= address < one.address + one.size:
            return one.offset + address - one.address
    raise ElfError("its string table is not in the file")


def _text(source: Readable, at: int, most: int) -> str:
    """The text that a zero byte ends, of at most so many bytes."""
    for size in (NEAR, LONGEST):
        found, zero, _ = source.at(at, min(size, most)).partition(b"\0")
        if zero:
            return found.decode("utf-8", "backslashreplace")
    raise ElfError(f"the name at byte {at} does not end")


def _split(values: list[str] | tuple[()]) -> tuple[str, ...]:
    return tuple(part for value in values[-1:] for part in value.split(":") if part)
