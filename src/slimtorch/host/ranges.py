"""Parts of a file over HTTP (RFC 9110, section 14)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from urllib3.exceptions import IncompleteRead

from slimtorch.errors import FetchError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class WholeOnlyError(FetchError):
    """The server sends the whole file or nothing."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of a file, and the size of the whole in bytes where the server tells it."""

    data: bytes
    size: int | None = None


def header(start: int, length: int) -> dict[str, str]:
    """What asks for `length` bytes from `start`."""
    return {"Range": f"bytes={start}-{start + length - 1}"}


def take(response: BaseHTTPResponse, start: int, length: int, shown: str) -> Part:
    """The part in this answer: `length` bytes, fewer only where the file ends. Of a whole file nothing is read.

    Raises:
        WholeOnlyError: the server does not serve parts.
        FetchError: it sent another part.
        IncompleteRead: of urllib3, when the connection broke.
    """
    if response.status == HTTPStatus.OK:
        raise WholeOnlyError(f"{shown}: the server sends the whole file only, not the part that was asked for")
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if response.status != HTTPStatus.PARTIAL_CONTENT or match is None or int(match[1]) != start:
        raise FetchError(f"{shown}: the server sent another part than the one asked for")
    size = None if match[3] == "*" else int(match[3])
    promised = int(match[2]) - start + 1
    if not 0 < promised <= length or (promised < length and start + promised != size):
        raise FetchError(f"{shown}: the server sent another part than the one asked for")
    return Part(_read(response, promised), size)


def _read(response: BaseHTTPResponse, promised: int) -> bytes:
    """Exactly the promised bytes, whatever else the server sends."""
    data = bytearray()
    while len(data) < promised and (block := response.read(promised - len(data), decode_content=False)):
        data += block
    if len(data) < promised:
        raise IncompleteRead(len(data), promised - len(data))
    return bytes(data)
