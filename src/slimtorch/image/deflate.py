"""gzip (RFC 1952) on several cores with equal bytes everywhere.

The input is cut into fixed blocks; each is a raw deflate stream (RFC 1951) that knows the 32 KiB before it and ends on
a byte boundary, so the pieces join into one member, as pigz does it. Threads and sizes of writes change nothing.
"""

from __future__ import annotations

import struct
import zlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

FORMAT = 1
"""Changes whenever the same input would give other bytes; part of the codec's identity."""

_BLOCK = 1 << 20
_WINDOW = 1 << 15
# Magic, deflate, no flags, no time, no extra flags, unknown system.
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
# The last block of a deflate stream: final, fixed codes, empty.
_LAST = b"\x03\x00"


class GzipWriter:
    """Compresses what is written and hands it to `write`. Holds at most a few blocks; `close` ends the member."""

    def __init__(self, write: Callable[[bytes], object], level: int, threads: int) -> None:
        self._write = write
        self._level = level
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="gzip")
        self._waiting: deque[Future[bytes]] = deque()
        self._depth = threads + 2
        self._block = bytearray()
        self._window = b""
        self._crc = 0
        self._size = 0
        write(_HEADER)

    def write(self, data: bytes) -> int:
        """Takes all of `data`."""
        view = memoryview(data)
        while view:
            taken = view[: _BLOCK - len(self._block)]
            self._block += taken
            view = view[len(taken) :]
            if len(self._block) == _BLOCK:
                self._submit()
        return len(data)

    def close(self) -> None:
        """Writes the rest and the trailer."""
        if self._block:
            self._submit()
        while self._waiting:
            self._write(self._waiting.popleft().result())
        self._write(_LAST + struct.pack("<II", self._crc, self._size & 0xFFFFFFFF))
        self.abandon()

    def abandon(self) -> None:
        """Ends the threads; nothing more is written."""
        self._pool.shutdown(cancel_futures=True)

    def _submit(self) -> None:
        block = bytes(self._block)
        self._block.clear()
        self._crc = zlib.crc32(block, self._crc)
        self._size += len(block)
        self._waiting.append(self._pool.submit(_deflate, block, self._window, self._level))
        self._window = block[-_WINDOW:]
        if len(self._waiting) > self._depth:
            self._write(self._waiting.popleft().result())


def _deflate(block: bytes, window: bytes, level: int) -> bytes:
    if window:
        compressor = zlib.compressobj(level, wbits=-zlib.MAX_WBITS, zdict=window)
    else:
        compressor = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
    return compressor.compress(block) + compressor.flush(zlib.Z_SYNC_FLUSH)
