"""The common ar format that wraps a Debian package (deb(5)): a magic line, then 60-byte headers with their data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from slimtorch.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"!<arch>\n"
HEADER = 60
_MAX_MEMBERS = 32


@dataclass(frozen=True, slots=True)
class Member:
    """One member: its name, where its data starts, and its size in bytes."""

    name: str
    offset: int
    size: int


def members(stream: BinaryIO, what: str) -> Iterator[Member]:
    """The members of the archive, in order; every one lies inside the file. `what` names it in messages.

    Raises:
        ArchiveError: this is no ar archive, or it is cut short.
    """
    end = stream.seek(0, 2)
    stream.seek(0)
    if stream.read(len(MAGIC)) != MAGIC:
        raise ArchiveError(f"{what} is not a Debian package", hint="get the file again")
    at = len(MAGIC)
    for _ in range(_MAX_MEMBERS):
        if at >= end:
            return
        member = _member(stream, at, what)
        if member.offset + member.size > end:
            raise ArchiveError(f"{what} is cut short in {member.name!r}", hint="get the file again")
        yield member
        at = member.offset + member.size + member.size % 2
    raise ArchiveError(f"{what} has more than {_MAX_MEMBERS} members")


def _member(stream: BinaryIO, at: int, what: str) -> Member:
    stream.seek(at)
    header = stream.read(HEADER)
    name, size = header[:16], header[48:58].strip()
    if len(header) != HEADER or header[58:] != b"`\n" or not size.isdigit():
        raise ArchiveError(f"{what} is damaged at byte {at}", hint="get the file again")
    return Member(name.decode("ascii", "replace").strip().rstrip("/"), at + HEADER, int(size))
