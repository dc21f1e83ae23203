"""Compressed streams to their bytes, with a bound on what a bomb may cost."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from slimtorch.errors import ArchiveError
from slimtorch.image.zstandard import ZstdDecompressor, ZstdError

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

DEFAULT_LIMIT = 1 << 36
"""Bytes that a stream may unpack to where nothing better is known (64 GiB)."""

_CHUNK = 1 << 18
_ROOM = 1 << 30
_RATIO = 1000


def limit_for(stored: int) -> int:
    """Bytes that `stored` compressed bytes may honestly unpack to: a thousandfold, and 1 GiB in any case."""
    return _ROOM + _RATIO * stored


class _Decoder(Protocol):
    """One member (gzip) or frame (zstd)."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib's object with the interface of the others: input it could not use is kept inside."""

    def __init__(self) -> None:
        self._object = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._object.decompress(self._object.unconsumed_tail + data, max_length)


class _Inflated(io.RawIOBase):
    """Reads member after member until the stored bytes end."""

    def __init__(self, stream: BinaryIO, new: Callable[[], _Decoder], what: str, limit: int) -> None:
        self._stream = stream
        self._new = new
        self._decoder: _Decoder | None = None
        self._pending = b""
        self._what = what
        self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        try:
            data = self._next(len(view)) if len(view) else b""
        except (zlib.error, ZstdError, EOFError) as error:
            raise ArchiveError(
                f"{self._what} is damaged: {str(error) or 'it is cut short'}", hint="get it again"
            ) from None
        self._left -= len(data)
        if self._left < 0:
            raise ArchiveError(
                f"{self._what} unpacks to far more than its size explains",
                hint="it looks like a decompression bomb; nothing was kept",
            )
        view[: len(data)] = data
        return len(data)

    def _next(self, size: int) -> bytes:
        """Between 1 and `size` bytes, or none at the end."""
        while True:
            if self._decoder is None or self._decoder.eof:
                if not self._begin():
                    return b""
                self._decoder = self._new()
            data = self._decoder.decompress(self._pending, size)
            self._pending = b""
            if data:
                return data
            if not self._decoder.eof and not self._fill():
                raise EOFError

    def _begin(self) -> bool:
        """Whether another member follows; zeros between members are padding."""
        if self._decoder:
            self._pending = self._decoder.unused_data
        self._pending = self._pending.lstrip(b"\0")
        while not self._pending and self._fill():
            self._pending = self._pending.lstrip(b"\0")
        return bool(self._pending)

    def _fill(self) -> bool:
        self._pending = self._stream.read(_CHUNK)
        return bool(self._pending)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def decompressor(
    stream: BinaryIO, media_type: str, what: str = "a compressed stream", *, limit: int = DEFAULT_LIMIT
) -> BinaryIO:
    """The stream's bytes, decompressed as the end of `media_type` says (``gzip``, ``zstd``, else as they are).

    At most `limit` bytes come out; closing the result closes `stream`. `what` names the thing in messages.

    Raises:
        ArchiveError: while reading: the stream is damaged, cut short or a bomb.
    """
    new: Callable[[], _Decoder]
    if media_type.endswith("gzip"):
        new = _Gzip
    elif media_type.endswith("zstd"):
        new = ZstdDecompressor
    else:
        return stream
    return cast("BinaryIO", io.BufferedReader(_Inflated(stream, new, what, limit), _CHUNK))


def sniff(head: bytes) -> str:
    """What the first bytes of a stream say: ``gzip``, ``zstd`` or '' for neither."""
    if head[:3] == b"\x1f\x8b\x08":
        return "gzip"
    return "zstd" if head[:4] == b"\x28\xb5\x2f\xfd" else ""
