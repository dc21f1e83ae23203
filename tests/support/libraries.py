"""Shared libraries as a linker would lay them out: segments, sections, symbols, relocations. glibc can load them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

MACHINES = {"x86_64": (62, 8, 1), "aarch64": (183, 1027, 257)}
"""e_machine, R_*_RELATIVE, R_*_64 or R_AARCH64_ABS64."""
NULL, PROGBITS, SYMTAB, STRTAB, RELA, HASH, DYNAMIC, NOTE, NOBITS, DYNSYM, RELR = 0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 19
HEADER, PROGRAM, SECTION = 64, 56, 64
READ, EXECUTE, WRITE = 4, 1, 2
FLAGS = {"r": 2, "x": 2 | 4, "w": 2 | 1, "t": 2 | 1 | 0x400}
DEBUG = {".comment": b"GCC: (made up)\0", ".debug_info": bytes(range(256)) * 40}
NOTE_BYTES = struct.pack("<III4s", 4, 8, 3, b"GNU\0") + b"build-id"


Program = tuple[int, int, int, int, int, int, int]
"""A program header without the physical address."""


@dataclass
class Part:
    """A section to be: its bytes, or only its `size` where it has none in the file."""

    name: str
    kind: int
    flags: int
    data: bytes = b""
    size: int = 0
    entry: int = 0
    align: int = 8
    link: str = ""
    info: int = 0
    offset: int = 0
    address: int = 0

    @property
    def total(self) -> int:
        return self.size or len(self.data)


@dataclass
class Library:
    """What to make. `sections` maps names to (kind of segment, bytes): ``r`` read, ``x`` executed, ``w`` written.

    `pointers` are pairs of (section, offset): the first place holds the address of the second one, by a relative
    relocation; `packed` puts them into DT_RELR. `symbols` maps exported names to places.
    """

    sections: dict[str, tuple[str, bytes]]
    pointers: tuple[tuple[tuple[str, int], tuple[str, int]], ...] = ()
    symbols: dict[str, tuple[str, int]] = field(default_factory=dict)
    unloaded: dict[str, bytes] = field(default_factory=lambda: dict(DEBUG))
    machine: str = "x86_64"
    kind: int = 3
    align: int = 0x1000
    packed: bool = False
    in_place: bool = True
    own_header: bool = False
    interpreter: str = ""
    soname: str = "libmade.so.1"
    tls: bytes = b""
    bss: int = 0x3000
    with_sections: bool = True

    def make(self) -> bytes:
        """The file."""
        parts = self._parts()
        segments = self._place(parts)
        by_name = {part.name: part for part in parts}
        self._fill(by_name)
        return self._written(parts, segments)

    def _parts(self) -> list[Part]:
        words = len(self.pointers)
        table = Part(".relr.dyn", RELR, 2, bytes(8 * words), entry=8)
        if not self.packed:
            table = Part(".rela.dyn", RELA, 2, bytes(24 * words), entry=24, link=".dynsym")
        count = len(self.symbols) + 1
        names = b"\0" + self.soname.encode() + b"\0" + b"".join(name.encode() + b"\0" for name in self.symbols)
        parts = [
            Part(".note.gnu.build-id", NOTE, 2, NOTE_BYTES, align=4),
            Part(".hash", HASH, 2, bytes(4 * (3 + count)), entry=4, link=".dynsym"),
            Part(".dynsym", DYNSYM, 2, bytes(24 * count), entry=24, link=".dynstr", info=1),
            Part(".dynstr", STRTAB, 2, names, align=1),
            *([table] if words else []),
        ]
        if self.interpreter:
            parts.insert(0, Part(".interp", PROGBITS, 2, self.interpreter.encode() + b"\0", align=1))
        for wanted in "rxw":
            if wanted == "w":
                parts += [Part(".tdata", PROGBITS, FLAGS["t"], self.tls)] if self.tls else []
                parts.append(Part(".dynamic", DYNAMIC, FLAGS["w"], bytes(16 * 12), entry=16, link=".dynstr"))
            parts += [
                Part(name, PROGBITS, FLAGS[kind], data, align=16)
                for name, (kind, data) in self.sections.items()
                if kind == wanted
            ]
        parts += [Part(".bss", NOBITS, FLAGS["w"], size=self.bss, align=32)] if self.bss else []
        return parts

    def _place(self, parts: list[Part]) -> list[Program]:
        """Give each part its place; the program headers of what is loaded come back."""
        offset, ahead = HEADER + PROGRAM * 10, 0
        loads: list[Program] = []
        for flags, rights in ((2, READ), (6, READ | EXECUTE), (3, READ | WRITE)):
            mine = [part for part in parts if part.flags & 7 == flags]
            if not mine:
                continue
            if loads:
                offset, ahead = _up(offset, self.align), ahead + self.align
            start = offset if loads else 0
            end = memory = offset
            for part in mine:
                memory = _up(max(memory, end), part.align)
                part.offset, part.address = (end if part.kind == NOBITS else memory), memory + ahead
                memory += part.total
                end = end if part.kind == NOBITS else memory
            loads.append((1, rights, start, start + ahead, end - start, memory - start, self.align))
            offset = end
        return loads

    def _fill(self, parts: dict[str, Part]) -> None:
        at = {name: part.address for name, part in parts.items()}
        words = sorted((at[one[0]] + one[1], at[two[0]] + two[1]) for one, two in self.pointers)
        relative = MACHINES[self.machine][1]
        if self.in_place or self.packed:
            for (name, into), (target, beyond) in self.pointers:
                parts[name].data = _put(parts[name].data, into, struct.pack("<Q", at[target] + beyond))
        if words and self.packed:
            parts[".relr.dyn"].data = _put(parts[".relr.dyn"].data, 0, _packed([word for word, _ in words]))
        elif words:
            parts[".rela.dyn"].data = b"".join(struct.pack("<QQQ", place, relative, to) for place, to in words)
        names, symbols = parts[".dynstr"].data, [bytes(24)]
        numbers = [part.name for part in parts.values()]
        for name, (section, into) in self.symbols.items():
            index = names.index(b"\0" + name.encode() + b"\0") + 1
            symbols.append(struct.pack("<IBBHQQ", index, 0x11, 0, numbers.index(section) + 1, at[section] + into, 8))
        parts[".dynsym"].data = b"".join(symbols)
        count = len(symbols)
        chain = [1, count, *([1] if count > 1 else [0])]
        links = [0, *range(2, count), 0][:count]
        parts[".hash"].data = struct.pack(f"<{3 + count}I", *chain, *links)
        tags = [(4, at[".hash"]), (5, at[".dynstr"]), (6, at[".dynsym"]), (10, len(names)), (11, 24), (14, 1)]
        if words and self.packed:
            used = len(_packed([word for word, _ in words]))
            tags += [(36, at[".relr.dyn"]), (35, used), (37, 8)]
        elif words:
            tags += [(7, at[".rela.dyn"]), (8, 24 * len(words)), (9, 24)]
        parts[".dynamic"].data = b"".join(struct.pack("<QQ", *tag) for tag in tags).ljust(16 * 12, b"\0")

    def _written(self, parts: list[Part], loads: list[Program]) -> bytes:
        by_name = {part.name: part for part in parts}
        programs: list[Program] = [(6, READ, HEADER, HEADER, 0, 0, 8)] if self.own_header else []
        if self.interpreter:
            programs.append(_segment(3, READ, by_name[".interp"], 1))
        programs += loads
        programs += [_segment(2, 6, by_name[".dynamic"], 8), _segment(4, 4, by_name[".note.gnu.build-id"], 4)]
        programs += [_segment(7, 4, by_name[".tdata"], 8)] if self.tls else []
        programs.append((0x6474E551, 6, 0, 0, 0, 0, 16))
        size = PROGRAM * len(programs)
        programs = [(6, READ, HEADER, HEADER, size, size, 8) if one[0] == 6 else one for one in programs]
        out = bytearray(max(load[2] + load[4] for load in loads))
        out[HEADER : HEADER + size] = b"".join(struct.pack("<IIQQQQQQ", *one[:4], one[3], *one[4:]) for one in programs)
        for part in parts:
            if part.kind != NOBITS:
                out[part.offset : part.offset + len(part.data)] = part.data
        table, count = self._sections(out, parts) if self.with_sections else (0, 0)
        head = struct.pack("<4s5B7xHHIQQQI", b"\x7fELF", 2, 1, 1, 0, 0, self.kind, *self._machine(), HEADER, table, 0)
        out[:HEADER] = head + struct.pack("<6H", HEADER, PROGRAM, len(programs), SECTION, count, max(count - 1, 0))
        return bytes(out)

    def _machine(self) -> tuple[int, int, int]:
        return MACHINES[self.machine][0], 1, 0

    def _sections(self, out: bytearray, parts: list[Part]) -> tuple[int, int]:
        """Append what is not loaded and the section headers; (their offset, their number)."""
        names = [part.name for part in parts]
        rest = [Part(name, PROGBITS, 0, data, align=1) for name, data in self.unloaded.items()]
        local = struct.pack("<IBBHQQ", 1, 0, 0, 1, 0, 0)
        if self.unloaded:
            rest.append(Part(".symtab", SYMTAB, 0, bytes(24) + local, entry=24, link=".strtab", info=2))
            rest.append(Part(".strtab", STRTAB, 0, b"\0hidden\0", align=1))
        rest.append(Part(".shstrtab", STRTAB, 0, align=1))
        rest[-1].data = b"\0" + b"".join(name.encode() + b"\0" for name in [*names, *(part.name for part in rest)])
        for part in rest:
            part.offset = _up(len(out), part.align)
            out.extend(bytes(part.offset - len(out)) + part.data)
        every = [*parts, *rest]
        numbers = {part.name: number for number, part in enumerate(every, 1)}
        texts = rest[-1].data
        out.extend(bytes(-len(out) % 8))
        start = len(out)
        out.extend(bytes(SECTION))
        for part in every:
            name = texts.index(b"\0" + part.name.encode() + b"\0") + 1
            place = (part.flags, part.address, part.offset, part.total, numbers.get(part.link, 0), part.info)
            out.extend(struct.pack("<IIQQQQIIQQ", name, part.kind, *place, part.align, part.entry))
        return start, len(every) + 1


def make_library(sections: dict[str, tuple[str, bytes]] | None = None, **more: object) -> bytes:
    """A library with these sections, or with some text, constants and data; `more` as the fields of `Library`."""
    default = {".rodata": ("r", b"constants" * 9), ".text": ("x", b"\xc3" * 99), ".data": ("w", bytes(64))}
    return Library(sections or default, **more).make()  # type: ignore[arg-type]


def _segment(kind: int, flags: int, part: Part, align: int) -> Program:
    return (kind, flags, part.offset, part.address, part.total, part.total, align)


def _packed(addresses: list[int]) -> bytes:
    """DT_RELR: an address, then maps of the 63 words that follow."""
    out: list[int] = []
    base = 0
    for address in addresses:
        into = (address - base) // 8
        if out and base and into < 63 and not (address - base) % 8:
            if not out[-1] & 1:
                out.append(1)
            out[-1] |= 1 << (into + 1)
        else:
            out.append(address)
            base = address + 8
    return struct.pack(f"<{len(out)}Q", *out)


def _put(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def _up(value: int, step: int) -> int:
    return -(-value // step) * step
