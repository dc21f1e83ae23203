"""Blobs that prove themselves while they are read."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, BinaryIO, cast

from slimtorch.errors import VerificationError
from slimtorch.image.digest import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

    from slimtorch.image.layer import Descriptor


class _Verified(io.RawIOBase):
    def __init__(self, stream: BinaryIO, promised: Descriptor, what: str) -> None:
        self._stream = stream
        self._promised = promised
        self._what = what
        self._sha = hashlib.sha256()
        self._left = promised.size
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return self.readall()
        # One byte more than promised is asked for, so that a longer blob is seen.
        data = self._stream.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise self._broken(f"is longer than the {self._promised.size} bytes promised")
        self._sha.update(data)
        if not data and size:
            self._check()
        return data

    def _check(self) -> None:
        if self._left:
            raise self._broken(f"is {self._left} bytes shorter than promised")
        if not self._ended and self._sha.hexdigest() != self._promised.digest.hex:
            raise self._broken(f"has the digest sha256:{self._sha.hexdigest()}, not {self._promised.digest}")
        self._ended = True

    def _broken(self, what: str) -> VerificationError:
        return VerificationError(f"{self._what} {what}", hint="the image is damaged; copy or build it again")

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def verified(stream: BinaryIO, promised: Descriptor, what: str) -> BinaryIO:
    """The same bytes; reading to the end checks their number and digest. `what` names the blob in messages.

    Raises:
        VerificationError: while reading: the bytes are not the promised ones.
    """
    return cast("BinaryIO", _Verified(stream, promised, what))


def drain(stream: BinaryIO) -> None:
    """Reads what is left, so that a verified stream below checks itself."""
    while stream.read(BLOCK):
        pass


def small(open_stream: Callable[[], BinaryIO], promised: Descriptor, what: str, *, limit: int = 4 << 20) -> bytes:
    """All bytes of a small blob (manifest, configuration), verified.

    Raises:
        VerificationError: it is not what was promised, or promises more than `limit` bytes.
    """
    if promised.size > limit:
        raise VerificationError(f"{what} promises {promised.size} bytes; more than {limit} is not sane")
    with verified(open_stream(), promised, what) as stream:
        return stream.read()
