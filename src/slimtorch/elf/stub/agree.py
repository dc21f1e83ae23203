"""Whether a stand-in stands in: everything that others may find in the library is there, under the same version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.elf import dynamic as tags
from slimtorch.elf import headers, symbols
from slimtorch.elf.stub.exports import offered
from slimtorch.elf.stub.note import recognise
from slimtorch.elf.symbols import FUNC, IFUNC
from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from slimtorch.elf.reading import Readable
    from slimtorch.elf.symbols import Symbol

SHOWN = 3
"""As many names are given for each complaint."""


def complaints(original: Readable, result: Readable, setting: str) -> tuple[str, ...]:
    """What is wrong with a stand-in for the library `original`; nothing when it is right.

    Raises:
        ElfError: one of the two is damaged.
    """
    before, after = _facts(original), _facts(result)
    found = [f"it is marked as the stand-in for {marked!r}" for marked in [recognise(result)] if marked != setting]
    if before[:2] != after[:2]:
        found.append(f"it is {after[1]} for {after[0]}, and the library {before[1]} for {before[0]}")
    wanted = {_face(symbol) for symbol in before[2] if offered(symbol)}
    found += _listed("it lacks", wanted - {_face(symbol) for symbol in after[2]})
    found += _listed("it adds", {_face(symbol) for symbol in after[2]} - wanted)
    found += _listed("it needs", {_face(symbol) for symbol in after[2] if not symbol.defined})
    return tuple(found)


def _facts(source: Readable) -> tuple[str, str, tuple[Symbol, ...]]:
    """Machine, soname and symbols."""
    found = headers.read(source)
    dynamic = tags.read(source, found) if found else None
    if found is None or dynamic is None:
        raise ElfError("it is no 64-bit shared library")
    name = dynamic.value(tags.DT_SONAME)
    soname = tags.text(dynamic.strings(), name) if name is not None else "without a name"
    return found.machine, soname, symbols.of(dynamic)


def _face(symbol: Symbol) -> tuple[str, str, bool, int, int, int]:
    """What the loader sees of a symbol. A function that chose its code at the start is a plain one in a stand-in."""
    kind = FUNC if symbol.type == IFUNC else symbol.type
    size = 0 if kind == FUNC else symbol.size
    return symbol.name, symbol.version, symbol.default, symbol.binding, kind, size


def _listed(what: str, faces: set[tuple[str, str, bool, int, int, int]]) -> list[str]:
    names = [f"{name}@{version}" if version else name for name, version, *_ in sorted(faces)]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"{what} {', '.join(names[:SHOWN])}{more}"] if names else []
