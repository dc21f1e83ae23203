"""Small ELF files with a dynamic section, for what reads them; they are not meant to run."""

from __future__ import annotations

import struct

MACHINES = {"x86_64": 62, "aarch64": 183, "i686": 3}
NULL, NEEDED, STRTAB, STRSZ, SONAME, RPATH, RUNPATH = 0, 1, 5, 10, 14, 15, 29
LOAD, DYNAMIC, INTERP = 1, 2, 3
HEADER, PROGRAM = 64, 56


def make_elf(
    needed: tuple[str, ...] = (),
    *,
    soname: str = "",
    rpath: str = "",
    runpath: str = "",
    interpreter: str = "",
    machine: str = "x86_64",
) -> bytes:
    """A little-endian 64-bit ELF file that asks for these things; addresses are file offsets."""
    strings = bytearray(b"\0")

    def string(text: str) -> int:
        offset = len(strings)
        strings.extend(text.encode() + b"\0")
        return offset

    tags = [(NEEDED, string(name)) for name in needed]
    tags += [(tag, string(text)) for tag, text in ((SONAME, soname), (RPATH, rpath), (RUNPATH, runpath)) if text]
    start = HEADER + 3 * PROGRAM
    dynamic_size = 16 * (len(tags) + 3)
    tags += [(STRTAB, start + dynamic_size), (STRSZ, len(strings)), (NULL, 0)]
    dynamic = b"".join(struct.pack("<QQ", tag, value) for tag, value in tags)
    interp = interpreter.encode() + b"\0" if interpreter else b""
    total = start + len(dynamic) + len(strings) + len(interp)
    programs = [_program(LOAD, 0, total), _program(DYNAMIC, start, len(dynamic))]
    if interp:
        programs.append(_program(INTERP, total - len(interp), len(interp)))
    header = struct.pack(
        "<4s5B7xHHIQQQIHHHHHH",
        *(
            b"\x7fELF",
            2,
            1,
            1,
            0,
            0,
            3,
            MACHINES[machine],
            1,
            0,
            HEADER,
            0,
            0,
            HEADER,
            PROGRAM,
            len(programs),
            64,
            0,
            0,
        ),
    )
    return header + b"".join(programs).ljust(3 * PROGRAM, b"\0") + dynamic + bytes(strings) + interp


def _program(kind: int, offset: int, size: int) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, 4, offset, offset, offset, size, size, 4096)
