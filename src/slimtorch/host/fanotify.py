"""Which files of a folder are opened, told by the kernel: fanotify(7) with names (Linux 5.9; for anybody from 5.13).

The marks sit on the folders themselves and not on a mount, so that opens through every bind mount and in every
namespace are seen. Reading, mapping and starting a file begin with an open; asking whether it is there does not, and
is not seen.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from slimtorch.errors import MachineError

if TYPE_CHECKING:
    from collections.abc import Iterator

# linux/fanotify.h
_CLOEXEC, _NONBLOCK, _UNLIMITED_QUEUE, _UNLIMITED_MARKS, _REPORT_DIRECTORY_AND_NAME = 1, 2, 0x10, 0x20, 0xC00
_MARK_ADD, _MARK_DONT_FOLLOW, _MARK_ONLY_DIRECTORY = 1, 4, 8
_OPEN, _OVERFLOW, _ON_CHILD = 0x20, 0x4000, 0x08000000
_METADATA = struct.Struct("=IBBHQii")  # event_len, vers, reserved, metadata_len, mask, fd, pid
_INFO = struct.Struct("=BxH8sIi")  # info_type, len, fsid, handle_bytes, handle_type
_DIRECTORY_AND_NAME = 2
_AT_FDCWD = -100
_HANDLE = 128
_BLOCK = 1 << 18
_PAUSE_MS = 50

Key = tuple[int, bytes]


class _FileHandle(ctypes.Structure):
    """struct file_handle (open_by_handle_at(2))."""

    _fields_ = (("size", ctypes.c_uint), ("type", ctypes.c_int), ("data", ctypes.c_ubyte * _HANDLE))


class Fanotify:
    """Watches the folder `root` while the context lasts; `touched` says what was opened, by relative path.

    What this process opens itself does not count.

    Raises:
        MachineError: on entry, this kernel, this user or this file system does not allow it.
    """

    method = "fanotify"
    needs_writable_root = False

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: dict[Key, str] = {}
        self._opened: set[str] = set()
        self._lost = False
        self._stop = threading.Event()
        self._error = ""

    def __enter__(self) -> Self:
        self._libc = _functions()
        self._descriptor = self._group()
        try:
            self._mark_all()
            self._try()
        except BaseException:
            os.close(self._descriptor)
            raise
        self._reader = threading.Thread(target=self._read, name="fanotify", daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._reader.join()
        os.close(self._descriptor)

    def touched(self) -> frozenset[str]:
        """The paths that were opened; good once the context has ended.

        Raises:
            MachineError: events were lost, because they came faster than they could be read.
        """
        if self._lost or self._error:
            raise MachineError(
                f"fanotify lost events: {self._error or 'its queue was full'}",
                hint="trace again as root, whose queue has no limit, or with --method atime",
            )
        return frozenset(self._opened)

    def _group(self) -> int:
        flags = _CLOEXEC | _NONBLOCK | _REPORT_DIRECTORY_AND_NAME
        limits = _UNLIMITED_QUEUE | _UNLIMITED_MARKS
        for more in (limits, 0):
            descriptor: int = self._libc.fanotify_init(flags | more, os.O_RDONLY)
            if descriptor >= 0:
                return descriptor
        raise MachineError(f"fanotify cannot be used here: {_reason()}")

    def _mark_all(self) -> None:
        for folder, _, _ in os.walk(self._root):
            flags = _MARK_ADD | _MARK_DONT_FOLLOW | _MARK_ONLY_DIRECTORY
            path = os.fsencode(folder)
            if self._libc.fanotify_mark(self._descriptor, flags, _OPEN | _ON_CHILD, _AT_FDCWD, path) != 0:
                raise MachineError(f"fanotify cannot watch this file system: {_reason()}")
            inside = os.path.relpath(folder, self._root)
            self._folders[self._key(path)] = "" if inside == "." else f"{inside}/"

    def _key(self, path: bytes) -> Key:
        handle, mount = _FileHandle(_HANDLE, 0), ctypes.c_int()
        if self._libc.name_to_handle_at(_AT_FDCWD, path, ctypes.byref(handle), ctypes.byref(mount), 0) != 0:
            raise MachineError(f"this file system has no file handles: {_reason()}")
        return handle.type, bytes(handle.data)[: handle.size]

    def _try(self) -> None:
        """Opens a file and expects to be told."""
        with tempfile.NamedTemporaryFile(dir=self._root) as file:
            Path(file.name).read_bytes()
            if os.path.basename(file.name) not in {path for _, path in self._events()}:  # noqa: PTH119
                raise MachineError("fanotify does not tell here which files are opened")

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        own = os.getpid()
        try:
            while not self._stop.is_set() or poll.poll(0):
                if poll.poll(_PAUSE_MS):
                    self._opened.update(path for pid, path in self._events() if pid != own)
        except OSError as error:
            self._error = str(error.strerror)

    def _events(self) -> Iterator[tuple[int, str]]:
        """Process id (0 where this user may not know it) and path of every event that waits."""
        try:
            data = os.read(self._descriptor, _BLOCK)
        except BlockingIOError:
            return
        start = 0
        while start < len(data):
            length, _, _, head, mask, _, pid = _METADATA.unpack_from(data, start)
            self._lost |= bool(mask & _OVERFLOW)
            if path := self._path(data[start + head : start + length]):
                yield pid, path
            start += length

    def _path(self, info: bytes) -> str:
        if len(info) < _INFO.size:
            return ""
        kind, length, _, size, type_ = _INFO.unpack_from(info)
        folder = self._folders.get((type_, info[_INFO.size : _INFO.size + size]))
        name = info[_INFO.size + size : length].partition(b"\0")[0]
        return (
            "" if kind != _DIRECTORY_AND_NAME or folder is None or name in {b"", b"."} else folder + os.fsdecode(name)
        )


def _functions() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        libc.fanotify_init.argtypes = (ctypes.c_uint, ctypes.c_uint)
        libc.fanotify_mark.argtypes = (ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p)
        libc.name_to_handle_at.argtypes = (
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.POINTER(_FileHandle),
            ctypes.POINTER(ctypes.c_int),
            ctypes.c_int,
        )
    except AttributeError as error:
        raise MachineError(f"this machine's C library has no fanotify ({error})") from None
    return libc


def _reason() -> str:
    return os.strerror(ctypes.get_errno())
