"""The machine code of a stand-in: a few bodies that every function shares (psABI of x86-64, AAPCS64).

Each writes the line to descriptor 2 at the first call of any function, then returns its number or the message. No
register but those that a call may change is touched, and errno stays as it was: the system is asked directly.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STDERR = 2
ALIGN = 16


@dataclass(frozen=True, slots=True)
class Places:
    """Virtual addresses.

    They are of the code, of the line for standard error (`length` bytes), of the message (which ends with a zero), and
    of the word that is 0 until the line was written.
    """

    code: int
    line: int
    length: int
    message: int
    flag: int


def write(machine: str, values: Sequence[int | None], places: Places) -> tuple[bytes, Mapping[int | None, int]]:
    """The code for functions that return these `values` (None: the message), and the address of each value's body.

    Raises:
        ElfError: there is no code for the machine, or the tables are too large for its jumps.
    """
    if machine not in _MACHINES:
        raise ElfError(f"there are no stand-ins for {machine}")
    announce, body = _MACHINES[machine]
    code = _padded(announce(places))
    bodies = {}
    for value in values:
        bodies[value] = places.code + len(code)
        code += _padded(body(bodies[value], value, places))
    return code, bodies


def _padded(code: bytes) -> bytes:
    return code + bytes(-len(code) % ALIGN)


def _announce_x86_64(places: Places) -> bytes:
    at = places.code
    asked = b"\x83\x3d" + _relative(at + 7, places.flag) + b"\0"  # cmpl $0, flag(%rip)
    take = b"\xb8\x01\0\0\0" + b"\x87\x05" + _relative(at + 20, places.flag) + b"\x85\xc0"  # xchg, test
    line = at + 24 + 17
    tell = (
        struct.pack("<BIBI", 0xB8, 1, 0xBF, STDERR)  # mov $1 (write), %eax; mov $2, %edi
        + b"\x48\x8d\x35" + _relative(line, places.line)  # lea line(%rip), %rsi
        + b"\xba" + struct.pack("<I", places.length)  # mov $length, %edx
        + b"\x0f\x05"  # syscall
    )  # fmt: skip
    skip = [bytes([0x75, len(take) + 2 + len(tell)]), bytes([0x75, len(tell)])]  # jne to the end
    return asked + skip[0] + take + skip[1] + tell + b"\xc3"


def _body_x86_64(at: int, value: int | None, places: Places) -> bytes:
    start = b"\xf3\x0f\x1e\xfa" + b"\xe8" + _relative(at + 9, places.code)  # endbr64; call announce
    message = b"\x48\x8d\x05" + _relative(at + 16, places.message)  # lea message(%rip), %rax
    result = message if value is None else b"\xb8" + struct.pack("<i", value)  # mov $value, %eax
    return start + result + b"\x31\xd2" + b"\x0f\x57\xc0" + b"\xc3"  # xor %edx, %edx; xorps %xmm0, %xmm0; ret


def _relative(after: int, target: int) -> bytes:
    return struct.pack("<i", target - after)


def _announce_aarch64(places: Places) -> bytes:
    at = places.code
    return _words(
        _adr(9, at, places.flag),
        0xB940012A,  # ldr w10, [x9]
        _branch_if_set(10, 12),
        0x5280002A,  # mov w10, #1
        0x885FFD2B,  # ldaxr w11, [x9]
        _branch_if_set(11, 9),
        0x880CFD2A,  # stlxr w12, w10, [x9]
        _branch_if_set(12, -3),
        0xD2800808,  # mov x8, #64 (write)
        0xD2800000 | STDERR << 5,  # mov x0, #2
        _adr(1, at + 40, places.line),
        0xD2800000 | places.length << 5 | 2,  # mov x2, #length
        0xD4000001,  # svc #0
        0xD503201F,  # nop
        0xD65F03C0,  # ret
    )


def _body_aarch64(at: int, value: int | None, places: Places) -> bytes:
    call = 0x94000000 | (places.code - (at + 8)) // 4 & 0x3FFFFFF
    if value is None:
        result = _adr(0, at + 16, places.message)
    else:
        result = 0x12800000 | ~value << 5 if value < 0 else 0x52800000 | value << 5  # movn, movz w0
    return _words(
        0xD503245F,  # bti c
        0xA9BF7BFD,  # stp x29, x30, [sp, #-16]!
        call,
        0xA8C17BFD,  # ldp x29, x30, [sp], #16
        result,
        0xAA1F03E1,  # mov x1, xzr
        0x9E6703E0,  # fmov d0, xzr
        0xD65F03C0,  # ret
    )


def _words(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}I", *words)


def _branch_if_set(register: int, words: int) -> int:
    """``cbnz wN``, so many instructions on."""
    return 0x35000000 | (words & 0x7FFFF) << 5 | register


def _adr(register: int, at: int, target: int) -> int:
    distance = target - at
    if not -(1 << 20) <= distance < 1 << 20:
        raise ElfError("the library has more symbols than a stand-in for aarch64 can have")
    return 0x10000000 | (distance & 3) << 29 | (distance >> 2 & 0x7FFFF) << 5 | register


_MACHINES: Mapping[str, tuple[Callable[[Places], bytes], Callable[[int, int | None, Places], bytes]]] = {
    "x86_64": (_announce_x86_64, _body_x86_64),
    "aarch64": (_announce_aarch64, _body_aarch64),
}
