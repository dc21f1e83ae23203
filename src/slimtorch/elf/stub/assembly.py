"""A library → its stand-in: what it offers, then where everything stands, then the bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.elf import dynamic as tags
from slimtorch.elf import headers, symbols, versions
from slimtorch.elf.stub import code, image, tables
from slimtorch.elf.stub.exports import exports
from slimtorch.elf.stub.image import ALLOC, EXECUTE, WRITE, Part
from slimtorch.elf.stub.note import note
from slimtorch.errors import ElfError
from slimtorch.tables.stubs import stand_ins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.elf.reading import Readable
    from slimtorch.elf.stub.exports import Exports
    from slimtorch.elf.stub.image import Place
    from slimtorch.elf.stub.tables import Tables
    from slimtorch.tables.stubs import StandIn

FLAG = 8
"""Bytes of the word that remembers that the line was written."""
NOWHERE = code.Places(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything but the addresses. `line` goes to standard error, `text` is the message with its zero."""

    machine: str
    stand_in: StandIn
    exports: Exports
    tables: Tables
    line: bytes
    text: bytes

    @property
    def values(self) -> tuple[int | None, ...]:
        """What the functions return, each value once."""
        found = {self.stand_in.returns(symbol.name) for symbol in self.exports.functions}
        return tuple(sorted(found, key=lambda value: (value is None, value or 0)))


def make(source: Readable, setting: str) -> bytes:
    """The stand-in for a library: the whole file, the same bytes for the same library.

    `setting` is the library's name in ``[slim] stubs``. The stand-in has the library's soname and offers the same
    symbols with the same versions (`exports.offered` says which not); functions return what `tables.stubs` says.

    Raises:
        ElfError: the library is none, damaged, or one that nothing can stand in for.
    """
    draft = _draft(source, stand_ins()[setting])
    parts = _parts(draft)
    where = image.places(parts, draft.machine)
    text, bodies = code.write(draft.machine, draft.values, _places(draft, where))
    contents = {
        ".note.slimtorch": note(setting),
        ".gnu.hash": draft.tables.hash,
        ".dynsym": _symbols(draft, parts, where, bodies),
        ".dynstr": draft.tables.strings,
        ".gnu.version": draft.tables.versions,
        ".gnu.version_d": draft.tables.definitions,
        ".rodata": draft.line + draft.text,
        ".text": text,
        ".dynamic": _dynamic(draft, where),
        ".data": bytes(FLAG),
    }
    return image.compose(parts, where, contents, draft.machine)


def _draft(source: Readable, stand_in: StandIn) -> Draft:
    found = headers.read(source)
    dynamic = tags.read(source, found) if found else None
    if found is None or dynamic is None or dynamic.value(tags.DT_SYMTAB) is None:
        raise ElfError(f"it is no 64-bit shared library, so nothing can stand in for it as {stand_in.title}")
    strings, name = dynamic.strings(), dynamic.value(tags.DT_SONAME)
    if name is None:
        raise ElfError("it has no soname, by which a stand-in would be found")
    soname = tags.text(strings, name)
    offered = exports(symbols.of(dynamic), found)
    table = tables.tables(offered, soname, versions.definitions(dynamic, strings))
    message = stand_in.message.encode()
    return Draft(found.machine, stand_in, offered, table, b"slimtorch: " + message + b"\n", message + b"\0")


def _parts(draft: Draft) -> tuple[Part, ...]:
    """The sections in file order; those that are read, run and written each in one row."""
    table, entry = draft.tables, 16
    length = len(code.write(draft.machine, draft.values, NOWHERE)[0])
    found = (
        Part(".note.slimtorch", image.NOTE, ALLOC, len(note(draft.stand_in.name)), 4),
        Part(".gnu.hash", image.GNU_HASH, ALLOC, len(table.hash), 8, ".dynsym"),
        Part(".dynsym", image.DYNSYM, ALLOC, symbols.SIZE * (len(table.order) + 1), 8, ".dynstr", 1, symbols.SIZE),
        Part(".dynstr", image.STRTAB, ALLOC, len(table.strings)),
        Part(".gnu.version", image.VERSYM, ALLOC, len(table.versions), 2, ".dynsym", 0, 2),
        Part(".gnu.version_d", image.VERDEF, ALLOC, len(table.definitions), 4, ".dynstr", table.count),
        Part(".rodata", image.PROGBITS, ALLOC, len(draft.line + draft.text)),
        Part(".text", image.PROGBITS, ALLOC | EXECUTE, length, code.ALIGN),
        Part(".dynamic", image.DYNAMIC, ALLOC | WRITE, entry * (len(_tags(draft)) + 1), entry, ".dynstr", 0, entry),
        Part(".data", image.PROGBITS, ALLOC | WRITE, FLAG, FLAG),
        Part(".bss", image.NOBITS, ALLOC | WRITE, draft.exports.room, 64),
    )
    return tuple(part for part in found if part.size)


def _places(draft: Draft, where: Mapping[str, Place]) -> code.Places:
    line = where[".rodata"].address
    length = len(draft.line)
    return code.Places(where[".text"].address, line, length, line + length, where[".data"].address)


def _symbols(
    draft: Draft, parts: tuple[Part, ...], where: Mapping[str, Place], bodies: Mapping[int | None, int]
) -> bytes:
    numbers = {part.name: number for number, part in enumerate(parts, 1)}
    spots = {
        symbol: (numbers[".text"], bodies[draft.stand_in.returns(symbol.name)]) for symbol in draft.exports.functions
    }
    for symbol, offset in draft.exports.data.items():
        spots[symbol] = (numbers[".bss"], where[".bss"].address + offset)
    return tables.entries(draft.tables, spots)


def _tags(draft: Draft) -> dict[int, str | int]:
    """The dynamic section: a number, or the section whose address it is."""
    found: dict[int, str | int] = {
        tags.DT_SONAME: draft.tables.soname,
        tags.DT_GNU_HASH: ".gnu.hash",
        tags.DT_SYMTAB: ".dynsym",
        tags.DT_STRTAB: ".dynstr",
        tags.DT_STRSZ: len(draft.tables.strings),
        tags.DT_SYMENT: symbols.SIZE,
    }
    if draft.tables.count:
        versioned: dict[int, str | int] = {
            tags.DT_VERSYM: ".gnu.version",
            tags.DT_VERDEF: ".gnu.version_d",
            tags.DT_VERDEFNUM: draft.tables.count,
        }
        found |= versioned
    return found


def _dynamic(draft: Draft, where: Mapping[str, Place]) -> bytes:
    rows = [(tag, where[value].address if isinstance(value, str) else value) for tag, value in _tags(draft).items()]
    return b"".join(struct.pack("<QQ", tag, value) for tag, value in [*rows, (0, 0)])
