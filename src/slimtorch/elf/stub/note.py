"""How a stand-in is told from a library: an ELF note that names the setting."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from slimtorch.elf import headers
from slimtorch.errors import ElfError

if TYPE_CHECKING:
    from slimtorch.elf.reading import Readable

OWNER, TYPE = b"slimtorch\0", 0x100
LARGEST = 4096
"""Bytes of notes that are looked at."""
PT_NOTE = 4


def note(setting: str) -> bytes:
    """The note (gABI, "Note Section") of the stand-in for `setting`."""
    text = setting.encode() + b"\0"
    return struct.pack("<III", len(OWNER), len(text), TYPE) + _padded(OWNER) + _padded(text)


def recognise(source: Readable) -> str:
    """The setting that the stand-in is for; '' for every other file, damaged ones included."""
    try:
        found = headers.read(source)
    except ElfError:
        return ""
    for segment in found.segments if found else ():
        if segment.type == PT_NOTE and segment.file_size <= LARGEST:
            setting = _setting(source.at(segment.offset, segment.file_size))
            if setting:
                return setting
    return ""


def _setting(data: bytes) -> str:
    start = struct.pack("<I", len(OWNER))
    if len(data) < 12 or not data.startswith(start):
        return ""
    _, size, kind = struct.unpack_from("<III", data)
    text = data[12 + len(_padded(OWNER)) :][:size]
    if kind != TYPE or data[12:].find(OWNER) != 0 or not text.endswith(b"\0"):
        return ""
    return text[:-1].decode("ascii", "replace")


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
