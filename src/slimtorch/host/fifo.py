"""A named pipe into which many processes say lines, read beside what is going on."""

from __future__ import annotations

import os
import select
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = 1 << 16
_PAUSE_MS = 50


class Fifo:
    """Makes the pipe at `path` and keeps, without repetition, the lines that are written to it.

    Whoever may reach it may write to it. `limit` is how many bytes of lines are kept; what comes after is read and
    forgotten, and `overflowed` says so, so that no writer ever waits.
    """

    def __init__(self, path: Path, limit: int = 64_000_000) -> None:
        self._path, self._left = path, limit
        self.lines: dict[bytes, None] = {}
        self.overflowed = False
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        os.mkfifo(self._path)
        self._path.chmod(0o622)
        # Also open for writing, so that the end of one writer is not the end of the pipe.
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._reader = threading.Thread(target=self._read, name="fifo", daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._reader.join()
        os.close(self._descriptor)
        self._path.unlink(missing_ok=True)

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        rest = b""
        while not self._stop.is_set() or poll.poll(0):
            if poll.poll(_PAUSE_MS):
                *lines, rest = (rest + os.read(self._descriptor, _BLOCK)).split(b"\n")
                rest = rest[-_BLOCK:]
                self._keep(lines)

    def _keep(self, lines: list[bytes]) -> None:
        for line in lines:
            if line in self.lines:
                continue
            if self._left < len(line):
                self.overflowed = True
                continue
            self._left -= len(line)
            self.lines[line] = None
