"""A zip archive on a server, opened by asking for parts of it: its end, its directory, the members that are read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from slimtorch.errors import ArchiveError, VerificationError

if TYPE_CHECKING:
    from slimtorch.host.fetch import Fetch

TAIL = 1 << 16
"""Bytes that are asked for first; they hold the directory of most wheels, and the end of any zip archive."""
AHEAD = 1 << 13
"""Bytes that are asked for at least, so that a member and its header are one question."""
NEAR = 1 << 16
"""Bytes between two parts that are read along rather than asked around."""
BUDGET = 32 << 20
"""Bytes read at most; the directory of 100,000 files needs half of it."""


class RemoteFile(io.RawIOBase):
    """The file at `url`, of a known `size` in bytes, to be read and moved about in. What was read is kept."""

    def __init__(self, url: str, size: int, fetch: Fetch, shown: str) -> None:
        self._url, self._size, self._fetch, self._shown = url, size, fetch, shown
        self._parts: list[tuple[int, bytes]] = []
        self._position = 0
        self.asked = 0
        """Bytes that were asked for so far."""

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """The new position, as for any file.

        Raises:
            ValueError: it would be before the start.
        """
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the start of the file")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """The next `size` bytes, fewer only at the end; all that is left for -1.

        Raises:
            ArchiveError: more is wanted than any wheel's directory needs.
            VerificationError: the file on the server has another size.
            FetchError: the server cannot be asked, or does not serve parts.
        """
        start = min(self._position, self._size)
        stop = self._size if size is None or size < 0 else min(start + size, self._size)
        self._position = max(self._position, stop)
        if start == stop:
            return b""
        self.prefetch(start, stop)
        at, data = self._holding(start, stop) or (start, b"")
        return data[start - at : stop - at]

    def prefetch(self, start: int, stop: int) -> None:
        """Sees to it that these bytes are here, with at most one question."""
        if self._holding(start, stop):
            return
        stop = min(max(stop, start + AHEAD), self._size)
        if not self._parts:
            start = min(start, max(self._size - TAIL, 0)) if stop > self._size - TAIL else start
        near = (part for part in self._parts if start < part[0] <= stop + NEAR and stop <= part[0] + len(part[1]))
        after = next(near, None)
        data = self._ask(start, after[0] if after else stop)
        if after:
            self._parts.remove(after)
            data += after[1]
        self._parts.append((start, data))

    def _holding(self, start: int, stop: int) -> tuple[int, bytes] | None:
        return next((part for part in self._parts if part[0] <= start and stop <= part[0] + len(part[1])), None)

    def _ask(self, start: int, stop: int) -> bytes:
        self.asked += stop - start
        if self.asked > BUDGET:
            raise ArchiveError(f"{self._shown}: its directory is too large to be true")
        part = self._fetch.read_range(self._url, start, stop - start)
        if part.size not in {None, self._size} or len(part.data) != stop - start:
            raise VerificationError(
                f"{self._shown} is not what was locked: expected {self._size} bytes, got {part.size or 'fewer'}",
                hint="the file was changed where it is served; lock again if that was meant",
            )
        return part.data
