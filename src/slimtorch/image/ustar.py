"""Tar headers: POSIX.1-2001 ustar blocks and pax records, to bytes and back.

Reading also knows what GNU tar writes (base-256 numbers, long names), because images by others hold it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Mapping

BLOCK_SIZE = 512
ZERO_BLOCK = bytes(BLOCK_SIZE)
END = ZERO_BLOCK * 2

FILE, HARDLINK, SYMLINK, DIRECTORY, PAX = b"0", b"1", b"2", b"5", b"x"

_MAX_OCTAL_7 = 0o7777777
_MAX_OCTAL_11 = 0o77777777777
_MAX_ID = 0xFFFFFFFF
# name mode uid gid size mtime checksum type link magic version uname gname devmajor devminor prefix
_FIELDS = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12x")
# magic, version, empty user and group names, device numbers: the same in every header that we write
_CONSTANT = b"ustar\x0000" + bytes(64) + b"0000000\x00" * 2
_CONSTANT_SUM = sum(_CONSTANT)


@dataclass(frozen=True, slots=True)
class Header:
    """One decoded header block. `size` is in bytes; names are as written, before any check."""

    name: bytes
    mode: int
    uid: int
    gid: int
    size: int
    type: bytes
    link: bytes


def padding(size: int) -> int:
    """Bytes from the end of `size` bytes of content to the next block."""
    return -size % BLOCK_SIZE


# -- writing -----------------------------------------------------------------------------------------------------


def encode(header: Header, mtime: int) -> bytes:
    """The header's blocks: one, or pax records in front where a value does not fit into ustar."""
    records = _records(header)
    name, prefix = (_shortened(header.name), b"") if b"path" in records else _split(header.name)
    link = _shortened(header.link) if b"linkpath" in records else header.link
    uid = 0 if b"uid" in records else header.uid
    gid = 0 if b"gid" in records else header.gid
    size = 0 if b"size" in records else header.size
    front = _pax(records, mtime) if records else b""
    return front + _block(name, (header.mode, uid, gid, size, mtime), header.type, link, prefix)


def resized(blocks: bytes, size: int) -> bytes | None:
    """A member's header blocks for a content of `size` bytes, everything else as it is; None where that needs more.

    `blocks` are the extended headers, if any, and the header itself; all of them were decoded before.
    """
    *_, last = range(0, len(blocks), BLOCK_SIZE)
    header = blocks[last:]
    if size > _MAX_OCTAL_11 or header[156:157] not in {FILE, b"\0", b"7"} or _has_size(blocks[:last]):
        return None
    renewed = header[:124] + b"%011o\0" % size + header[136:148] + b" " * 8 + header[156:]
    return blocks[:last] + renewed[:148] + b"%06o\0 " % sum(renewed) + renewed[156:]


def _has_size(extended: bytes) -> bool:
    position = 0
    while position < len(extended):
        header = decode(extended[position : position + BLOCK_SIZE])
        position += BLOCK_SIZE
        if header.type == PAX and b"size" in decode_pax(extended[position : position + header.size]):
            return True
        position += header.size + padding(header.size)
    return False


def modified(block: bytes) -> int:
    """The modification time in a decoded header block, in seconds since 1970; 0 where it is out of range."""
    try:
        return min(_number(block[136:148]), _MAX_OCTAL_11)
    except ArchiveError:
        return 0


def _records(header: Header) -> dict[bytes, bytes]:
    """The pax records that the header needs; nearly always none."""
    records: dict[bytes, bytes] = {}
    if not header.name.isascii() or not _split(header.name)[0]:
        records[b"path"] = header.name
    if len(header.link) > 100 or not header.link.isascii():
        records[b"linkpath"] = header.link
    if header.uid > _MAX_OCTAL_7:
        records[b"uid"] = b"%d" % header.uid
    if header.gid > _MAX_OCTAL_7:
        records[b"gid"] = b"%d" % header.gid
    if header.size > _MAX_OCTAL_11:
        records[b"size"] = b"%d" % header.size
    return records


def _block(name: bytes, values: tuple[int, int, int, int, int], kind: bytes, link: bytes, prefix: bytes) -> bytes:
    numbers = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % values
    # The zeros between the fields add nothing to the checksum, which counts itself as eight spaces.
    checksum = sum(name) + sum(numbers) + kind[0] + sum(link) + _CONSTANT_SUM + sum(prefix) + 8 * 0x20
    return b"".join(
        (
            name.ljust(100, b"\0"),
            numbers,
            b"%06o\0 " % checksum,
            kind,
            link.ljust(100, b"\0"),
            _CONSTANT,
            prefix.ljust(167, b"\0"),
        )
    )


def _split(name: bytes) -> tuple[bytes, bytes]:
    """The name as ustar's name and prefix; an empty name where it does not fit."""
    if len(name) <= 100:
        return name, b""
    if len(name) > 256:
        return b"", b""
    cut = name.find(b"/", len(name) - 101, len(name) - 1)
    if not 0 < cut <= 155:
        return b"", b""
    return name[cut + 1 :], name[:cut]


def _shortened(name: bytes) -> bytes:
    return name.decode(errors="replace").encode("ascii", "replace")[:100]


def _pax(records: Mapping[bytes, bytes], mtime: int) -> bytes:
    data = b"".join(_record(key, value) for key, value in sorted(records.items()))
    block = _block(b"././@PaxHeader", (0o644, 0, 0, len(data), mtime), PAX, b"", b"")
    return block + data + bytes(padding(len(data)))


def _record(key: bytes, value: bytes) -> bytes:
    # The length counts its own digits.
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key, value)


# -- reading -----------------------------------------------------------------------------------------------------


def decode(block: bytes) -> Header:
    """The header in a block of 512 bytes.

    Raises:
        ArchiveError: the checksum is wrong or a number is no number.
    """
    name, mode, uid, gid, size, _, checksum, kind, link, magic, *_, prefix = _FIELDS.unpack(block)
    if _number(checksum) not in _checksums(block):
        raise ArchiveError("a header is damaged (wrong checksum)")
    name = _text(name)
    # GNU tar's magic is "ustar  " and has other things than a prefix there.
    if magic[:6] == b"ustar\0" and prefix[0]:
        name = _text(prefix) + b"/" + name
    return Header(name, _number(mode) & 0o7777, _identity(uid), _identity(gid), _number(size), kind, _text(link))


def _checksums(block: bytes) -> tuple[int, int]:
    """The sum of the bytes, and the one of old programs that took them as signed."""
    rest = block[:148] + block[156:]
    total = sum(rest) + 8 * 0x20
    return total, total if rest.isascii() else total - 256 * sum(byte > 127 for byte in rest)


def _text(field: bytes) -> bytes:
    return field.split(b"\0", 1)[0]


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # GNU base-256
        if field[0] != 0x80:
            raise ArchiveError("a header holds a negative or impossible number")
        return int.from_bytes(field[1:], "big")
    text = field.split(b"\0", 1)[0].strip()
    try:
        return int(text, 8) if text.isdigit() else _blank(text)
    except ValueError:
        raise ArchiveError("a header holds something that is not a number") from None


def _blank(text: bytes) -> int:
    if text:
        raise ValueError(text)
    return 0


def _identity(field: bytes) -> int:
    value = _number(field)
    if value > _MAX_ID:
        raise ArchiveError("a header holds an impossible user or group number")
    return value


def decode_pax(data: bytes) -> dict[bytes, bytes]:
    """The records of a pax header (POSIX.1-2001), by key.

    Raises:
        ArchiveError: the records are damaged.
    """
    records: dict[bytes, bytes] = {}
    position = 0
    while position < len(data):
        digits, space, _ = data[position : position + 20].partition(b" ")
        length = int(digits) if space and digits.isdigit() else 0
        record = data[position : position + length]
        key, equals, value = record[len(digits) + 1 : -1].partition(b"=")
        if not equals or not key or len(record) != length or record[-1:] != b"\n":
            raise ArchiveError("an extended header is damaged")
        records[key] = value
        position += length
    return records


def apply_pax(header: Header, records: Mapping[bytes, bytes]) -> Header:
    """The header with what the records say in place of its fields.

    Raises:
        ArchiveError: a number is no number, or the file is sparse (which no image needs).
    """
    if any(key.startswith(b"GNU.sparse.") for key in records):
        raise ArchiveError("a sparse file cannot be read")
    name, link = records.get(b"path", header.name), records.get(b"linkpath", header.link)
    uid, gid = _override(records, b"uid", header.uid), _override(records, b"gid", header.gid)
    if max(uid, gid) > _MAX_ID:
        raise ArchiveError("a header holds an impossible user or group number")
    size = _override(records, b"size", header.size)
    return Header(name, header.mode, uid, gid, size, header.type, link)


def _override(records: Mapping[bytes, bytes], key: bytes, fallback: int) -> int:
    value = records.get(key)
    if value is None:
        return fallback
    if not value.isdigit() or len(value) > 20:
        raise ArchiveError("an extended header holds something that is not a number")
    return int(value)
