"""What a stand-in offers: the library's own names, each with a place for its code or its data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.elf.headers import PT_LOAD
from slimtorch.elf.symbols import ABSOLUTE, FUNC, IFUNC, NOTYPE, TLS, UNIQUE, WEAK
from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from slimtorch.elf.headers import Headers
    from slimtorch.elf.symbols import Symbol

EXECUTABLE = 1
"""PF_X of a segment."""
LARGEST = 16 << 20
"""Bytes of data objects above which a library is no candidate."""
CACHE_LINE = 64
_LINKER = frozenset({"_init", "_fini", "_edata", "_end", "edata", "end", "__bss_start", "_start", "__data_start"})
_RUNTIME = re.compile(r"_Z(?:[dn][al]|N?K?St|NSt|NKSt|T[IVST]+St|TI|TS)|__cxa_|__gxx_|_Unwind_|__gnu_cxx")


@dataclass(frozen=True, slots=True)
class Exports:
    """The symbols to offer: `functions` get code, `data` these offsets in `room` bytes of zeros, `marks` nothing."""

    functions: tuple[Symbol, ...]
    data: Mapping[Symbol, int]
    room: int
    marks: tuple[Symbol, ...]


def offered(symbol: Symbol) -> bool:
    """Whether a stand-in has the symbol.

    Not what every C++ library carries a copy of (vague linkage, the C++ run time): the loader would take the
    stand-in's in place of other libraries' own. And not the linker's marks.
    """
    if not symbol.exported or symbol.binding == UNIQUE or symbol.name in _LINKER:
        return False
    return not (symbol.name.startswith("_Z") and symbol.binding == WEAK) and not _RUNTIME.match(symbol.name)


def exports(found: Iterable[Symbol], headers: Headers) -> Exports:
    """What of a library's symbols its stand-in offers.

    Raises:
        ElfError: one of them is thread-local or has another library's version, or the data are larger than any
            candidate's.
    """
    wanted = [symbol for symbol in found if offered(symbol)]
    for symbol in wanted:
        if symbol.type == TLS:
            raise ElfError(f"the symbol {symbol.name} is thread-local, which no stand-in can be")
        if symbol.library:
            raise ElfError(f"the symbol {symbol.name} has a version that {symbol.library} defines")
    marks = tuple(symbol for symbol in wanted if symbol.section == ABSOLUTE)
    functions = tuple(symbol for symbol in wanted if symbol.section != ABSOLUTE and _is_code(symbol, headers))
    rest = set(marks) | set(functions)
    data, room = _placed([symbol for symbol in wanted if symbol not in rest])
    return Exports(functions, data, room, marks)


def _is_code(symbol: Symbol, headers: Headers) -> bool:
    if symbol.type != NOTYPE:
        return symbol.type in {FUNC, IFUNC}
    loads = (load for load in headers.segments if load.type == PT_LOAD)
    return any(
        load.flags & EXECUTABLE and load.address <= symbol.value < load.address + load.memory_size for load in loads
    )


def _placed(objects: list[Symbol]) -> tuple[dict[Symbol, int], int]:
    """Room for data objects: aligned as they were, those that share bytes still sharing them."""
    places: dict[Symbol, int] = {}
    shift, end, room = 0, -1, 0
    for symbol in sorted(objects, key=lambda symbol: (symbol.value, -symbol.size)):
        if symbol.value >= end:
            shift = room + (symbol.value - room) % CACHE_LINE - symbol.value
        end = max(end, symbol.value + max(symbol.size, 1))
        places[symbol] = symbol.value + shift
        room = end + shift
        if room > LARGEST:
            raise ElfError(f"its data symbols need {room} bytes, which no library that can be replaced has")
    return places, room
