"""Content addresses as the OCI image-spec writes them: ``sha256:`` and 64 lower-case hexadecimal digits."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Self

from slimtorch.errors import ImageError

if TYPE_CHECKING:
    from typing import BinaryIO

BLOCK = 1 << 20
"""Bytes read at a time wherever content is streamed."""

_PATTERN = re.compile(r"sha256:[0-9a-f]{64}")


class Digest(str):
    """A checked digest string; equal to, and usable as, the plain string."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """The digest written in `text`.

        Raises:
            ImageError: `text` is not a sha256 digest.
        """
        if not _PATTERN.fullmatch(text):
            raise ImageError(f"not a sha256 digest: {text[:100]!r}")
        return super().__new__(cls, text)

    @property
    def hex(self) -> str:
        """The 64 digits without the algorithm."""
        return self[7:]


def from_hex(hexdigest: str) -> Digest:
    """The digest whose digits are `hexdigest`."""
    return Digest(f"sha256:{hexdigest.lower()}")


def of_bytes(data: bytes) -> Digest:
    """The digest of `data`."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def of_stream(stream: BinaryIO) -> tuple[Digest, int]:
    """The digest and the size in bytes of what is left in `stream`."""
    sha, size = hashlib.sha256(), 0
    while block := stream.read(BLOCK):
        sha.update(block)
        size += len(block)
    return Digest("sha256:" + sha.hexdigest()), size


def canonical_json(value: object) -> bytes:
    """The one byte sequence for a JSON value: sorted keys, no spaces, UTF-8. Equal values give equal digests."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def of_json(value: object) -> Digest:
    """The digest of `value`'s canonical JSON."""
    return of_bytes(canonical_json(value))
