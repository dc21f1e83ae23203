"""What an ELF file (gABI, chapters 4 and 5) asks of the system that loads it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from elftools.common.exceptions import DWARFError, ELFError, ELFParseError
from elftools.construct import ConstructError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

if TYPE_CHECKING:
    from typing import BinaryIO

MAGIC = b"\x7fELF"
# gABI e_machine; names as `uname -m` and the platform tags of wheels write them.
MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64", "EM_386": "i686", "EM_ARM": "armv7l"}
_BROKEN = (
    ELFError,
    ELFParseError,
    DWARFError,
    ConstructError,
    struct.error,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    RecursionError,
)
"""What pyelftools lets out for files that only look like ELF."""


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
    if stream.read(4) != MAGIC:
        return None
    stream.seek(0)
    try:
        return _facts(ELFFile(stream))
    except _BROKEN:
        return None


def _facts(elf: Any) -> ElfFile:  # noqa: ANN401  (pyelftools' containers are untyped)
    machine = str(elf["e_machine"])
    values: dict[str, list[str]] = {}
    interpreter = ""
    for segment in elf.iter_segments():
        if isinstance(segment, InterpSegment):
            interpreter = segment.get_interp_name()
        elif isinstance(segment, DynamicSegment):
            for tag in segment.iter_tags():
                for attribute in ("needed", "soname", "rpath", "runpath"):
                    if hasattr(tag, attribute):
                        values.setdefault(attribute, []).append(getattr(tag, attribute))
    return ElfFile(
        MACHINES.get(machine, machine.removeprefix("EM_").lower()),
        "".join(values.get("soname", [])[:1]),
        tuple(values.get("needed", ())),
        _split(values.get("rpath", [])),
        _split(values.get("runpath", [])),
        interpreter,
    )


def _split(values: list[str]) -> tuple[str, ...]:
    return tuple(part for value in values[:1] for part in value.split(":") if part)
