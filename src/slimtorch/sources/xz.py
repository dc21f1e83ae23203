"""The xz streams of a Debian package, with a bound on memory, which the standard library's file object lacks."""

from __future__ import annotations

import lzma
from typing import TYPE_CHECKING, BinaryIO

from slimtorch.errors import ArchiveError
from slimtorch.image.digest import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

MEMORY = 1 << 28
"""Bytes that a stream may ask for; Debian's packages need 65 MiB at most."""


def blocks(source: BinaryIO, what: str) -> Iterator[bytes]:
    """What the streams in `source`, one after another, hold; at most 1 MiB at a time.

    Raises:
        ArchiveError: a stream is damaged, cut short or asks for too much memory; `what` names it.
    """
    try:
        yield from _streams(source)
    except (lzma.LZMAError, EOFError) as error:
        raise ArchiveError(f"{what} is damaged: {error}", hint="get the file again") from None


def _streams(source: BinaryIO) -> Iterator[bytes]:
    decompressor, data = lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY), source.read(BLOCK)
    while True:
        if block := decompressor.decompress(data, max_length=BLOCK):
            yield block
        data = b""
        if decompressor.eof:
            # Zeros between streams are padding (xz file format, 2.2).
            data = decompressor.unused_data.lstrip(b"\0") or source.read(BLOCK).lstrip(b"\0")
            if not data:
                return
            decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, MEMORY)
        elif decompressor.needs_input:
            data = source.read(BLOCK)
            if not data:
                raise EOFError("it is cut short")
