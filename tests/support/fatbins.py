"""Device code for tests: entries, containers, and a small shared library around them that the loader accepts."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KINDS = {"sm": 2, "compute": 1, "lto": 8, "odd": 64}
SUFFIXES = {"": 0, "a": 0x100000, "f": 0x200000}
PACKINGS = {"": 0, "lz4": 0x2000, "zstd": 0x8000}
RELATIVE = {"x86_64": (62, 8), "aarch64": (183, 1027)}
PAGE = 0x1000
FIRST_CODE = 0x10000


def make_entry(
    name: str, payload: bytes = b"", *, header: int = 64, packing: str = "", kind: int | None = None
) -> bytes:
    """An entry called as tools call it: ``sm_90a``, ``compute_80``, ``lto_90``, or ``odd_90`` of an unknown kind."""
    kind_name, _, rest = name.partition("_")
    digits = rest.rstrip("af")
    payload = payload or f"<{name}>".encode() * 9
    padded = payload + bytes(-len(payload) % 8)
    flags = SUFFIXES[rest[len(digits) :]] | PACKINGS[packing] | 0x11
    return (
        struct.pack("<HHIQ", KINDS[kind_name] if kind is None else kind, 0x0101, header, len(padded))
        + struct.pack("<IIHH", len(payload) if packing else 0, 0x40 if header > 64 else 0, 7, 1)
        + struct.pack("<IIIQQQ", int(digits), 0, 0, flags, 0, 10 * len(payload) if packing else 0)
        + b"\7" * (header - 64)
        + padded
    )


def make_fatbin(*entries: str | bytes) -> bytes:
    """A container of these entries; names become small entries."""
    inside = b"".join(make_entry(entry) if isinstance(entry, str) else entry for entry in entries)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(inside)) + inside


def big(name: str, size: int = 40_000) -> bytes:
    """An entry large enough to be worth a gap; each has bytes of its own."""
    seed = name.encode() + b"-"
    return make_entry(name, (seed * (size // len(seed) + 1))[:size])


@dataclass(frozen=True)
class Wrapped:
    """A wrapper around a container (section, index), or of version 2 with a list of further ones."""

    section: str
    index: int
    listed: tuple[int, ...] = ()


@dataclass
class Library:
    """A library to be made. `code` are the sections with their containers or raw bytes, `extra` further pointers."""

    code: Mapping[str, Sequence[bytes]]
    wrappers: Sequence[Wrapped] = ()
    packed: bool = False
    stored: bool = True
    machine: str = "x86_64"
    align: int = 8
    extra: Sequence[int] = ()
    exported: int = 0
    sections: bool = True
    at: dict[tuple[str, int], int] = field(default_factory=dict)
    """Addresses of the containers, filled in by `make`."""

    def make(self) -> bytes:
        """The library: an ELF file with three loaded segments (tables, device code, data)."""
        code, spans = self._code()
        data = FIRST_CODE + (len(code) + PAGE - 1) // PAGE * PAGE + PAGE
        words = self._words(data)
        wrappers_size = max(address for address, _ in words.items()) - data + 16 if words else 24
        image = self._data(data, words, wrappers_size)
        tables, tagged = self._tables(words, data)
        dynamic = b"".join(struct.pack("<QQ", *pair) for pair in (*tagged, (0, 0)))
        dynamic_at = len(image)
        image += dynamic
        places = {"tables": 0, "code": FIRST_CODE, "data": data}
        rows = [
            *((name, 1, 2, low, low, high - low, self.align) for name, (low, high) in spans.items()),
            (".nvFatBinSegment", 1, 3, data, data, wrappers_size, 8),
            (".dynamic", 6, 3, data + dynamic_at, data + dynamic_at, len(dynamic), 8),
            (".dynsym", 11, 2, 0x200, 0x200, 48, 8),
        ]
        segments = [
            (1, 4, 0, 0, len(tables), len(tables), PAGE),
            (1, 4, FIRST_CODE, places["code"], len(code), len(code), PAGE),
            (1, 6, data, data, len(image), len(image) + 64, PAGE),
            (2, 6, data + dynamic_at, data + dynamic_at, len(dynamic), len(dynamic), 8),
            (0x6474E551, 6, 0, 0, 0, 0, 16),
        ]
        body = tables.ljust(FIRST_CODE, b"\0") + code
        body = body.ljust(data, b"\0") + image
        return self._finished(bytearray(body), segments, rows)

    def _code(self) -> tuple[bytes, dict[str, tuple[int, int]]]:
        code = b""
        spans: dict[str, tuple[int, int]] = {}
        for name, containers in self.code.items():
            code += bytes(-len(code) % max(self.align, 8))
            start = FIRST_CODE + len(code)
            for index, container in enumerate(containers):
                code += bytes(-len(code) % 8)
                self.at[name, index] = FIRST_CODE + len(code)
                code += container
            spans[name] = (start, FIRST_CODE + len(code))
        return code, spans

    def _words(self, data: int) -> dict[int, int]:
        """Every word that the loader sets, by address."""
        words: dict[int, int] = {}
        lists = data + 24 * len(self.wrappers)
        for number, wrapper in enumerate(self.wrappers):
            words[data + 24 * number + 8] = self.at[wrapper.section, wrapper.index]
            if wrapper.listed:
                words[data + 24 * number + 16] = lists
                for index in wrapper.listed:
                    words[lists] = self.at[wrapper.section, index]
                    lists += 8
                lists += 8
        for address in self.extra:
            words[lists] = address
            lists += 8
        return words

    def _data(self, data: int, words: Mapping[int, int], size: int) -> bytes:
        image = bytearray(size)
        for number, wrapper in enumerate(self.wrappers):
            struct.pack_into("<II", image, 24 * number, 0x466243B1, 2 if wrapper.listed else 1)
        for address, value in words.items():
            if self.stored or self.packed:
                struct.pack_into("<Q", image, address - data, value)
        return bytes(image)

    def _tables(self, words: Mapping[int, int], data: int) -> tuple[bytes, list[tuple[int, int]]]:
        """Symbols, strings, hash table and relocations, with the dynamic section's entries for them."""
        strings = b"\0wrappers\0"
        symbol = struct.pack("<IBBHQQ", 1, 0x11, 0, 1, self.exported or data, 24)
        tables = bytearray(0x200) + bytes(24) + symbol
        tagged = [(6, 0x200), (11, 24)]
        tagged += [(5, len(tables)), (10, len(strings))]
        tables += strings + bytes(-len(strings) % 8)
        tagged += [(4, len(tables))]
        tables += struct.pack("<6I", 1, 2, 1, 0, 0, 0)
        if self.packed:
            relocations = b"".join(struct.pack("<Q", address) for address in sorted(words))
            tagged += [(36, len(tables)), (35, len(relocations)), (37, 8)]
        else:
            kind = RELATIVE[self.machine][1]
            relocations = b"".join(struct.pack("<QQQ", address, kind, value) for address, value in words.items())
            tagged += [(7, len(tables)), (8, len(relocations)), (9, 24)]
        if not relocations:
            tagged = tagged[:-3]
        return bytes(tables + relocations), tagged

    def _finished(
        self,
        body: bytearray,
        segments: Sequence[tuple[int, ...]],
        rows: Sequence[tuple[str, int, int, int, int, int, int]],
    ) -> bytes:
        names = b"\0" + b"\0".join(row[0].encode() for row in rows) + b"\0.shstrtab\0"
        body += bytes(-len(body) % 8)
        names_at = len(body)
        body += names + bytes(-len(names) % 8)
        headers_at = len(body)
        headers = bytes(64)
        for name, kind, flags, address, offset, size, align in rows:
            entry = {11: 24, 6: 16}.get(kind, 0)
            headers += struct.pack(
                "<IIQQQQIIQQ",
                names.index(b"\0" + name.encode() + b"\0") + 1,
                kind,
                flags,
                address,
                offset,
                size,
                0,
                0,
                align,
                entry,
            )
        headers += struct.pack(
            "<IIQQQQIIQQ", names.index(b"\0.shstrtab\0") + 1, 3, 0, 0, names_at, len(names), 0, 0, 1, 0
        )
        count = len(rows) + 2
        if not self.sections:
            del body[names_at:]
            headers, headers_at, count = b"", 0, 0
        body += headers
        ident = b"\x7fELF\2\1\1".ljust(16, b"\0")
        machine = RELATIVE[self.machine][0]
        struct.pack_into(
            "<16sHHIQQQIHHHHHH",
            body,
            0,
            ident,
            3,
            machine,
            1,
            0,
            64,
            headers_at,
            0,
            64,
            56,
            len(segments),
            64,
            count,
            max(count - 1, 0),
        )
        for number, (kind, flags, offset, address, stored, memory, align) in enumerate(segments):
            struct.pack_into(
                "<IIQQQQQQ", body, 64 + 56 * number, kind, flags, offset, address, address, stored, memory, align
            )
        return bytes(body)


def simple(*containers: bytes, section: str = ".nv_fatbin") -> bytes:
    """A library with these containers in one section, each with its wrapper."""
    wrappers = [Wrapped(section, index) for index in range(len(containers))]
    return Library({section: containers}, wrappers).make()
