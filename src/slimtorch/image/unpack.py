"""An image's root file system, unpacked into a folder. Every layer is hostile: nothing is written outside of it."""

# Paths are strings here: this runs once for each of tens of thousands of members.
# ruff: noqa: PTH101, PTH102, PTH108, PTH112, PTH114, PTH115, PTH123, PTH208, PTH211

from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING

from slimtorch.errors import ArchiveError, MachineError
from slimtorch.image.digest import BLOCK
from slimtorch.image.flatten import hidden, is_whiteout, label, members
from slimtorch.image.tree import Kind
from slimtorch.image.untar import DEFAULT_LIMITS, MAX_DEPTH, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from slimtorch.image.layer import Layer
    from slimtorch.image.untar import Member

_MAX_LINKS = 40
_ALL, _UNPRIVILEGED = 0o7777, 0o1777


def unpack(
    layers: Iterable[Layer],
    target: Path,
    *,
    ownership: bool = False,
    privileged: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    on_bytes: Callable[[int], None] | None = None,
) -> None:
    """Fills `target`, an empty folder of ours that nobody else writes to, with what a container of the layers sees.

    Modes are kept, but for set-user-id and set-group-id bits, which only `privileged` keeps: with them, a local user
    could become root by a foreign image's program. Owners are kept only with `ownership`, which needs root; times and
    devices are not. A link is followed inside the root only. `on_bytes` is told bytes of file content.

    Raises:
        ArchiveError: a layer is damaged or hostile.
        VerificationError: a layer's bytes are not the promised ones.
    """
    read = ((label(layer), members(layer, limits)) for layer in layers)
    unpack_members(read, target, ownership=ownership, privileged=privileged, on_bytes=on_bytes)


def unpack_members(
    layers: Iterable[tuple[str, Iterable[Member]]],
    target: Path,
    *,
    ownership: bool = False,
    privileged: bool = False,
    on_bytes: Callable[[int], None] | None = None,
) -> None:
    """The same for layers that somebody else reads: what messages call one, and its members in order.

    A member is put in place before the next one is asked for.

    Raises:
        ArchiveError: a layer is damaged or hostile.
    """
    root = _Root(target, ownership=ownership, mask=_ALL if privileged else _UNPRIVILEGED)
    for what, found in layers:
        root.made.clear()
        for member in found:
            _put(root, what, member)
            if on_bytes:
                on_bytes(member.size)
    root.finish()


def _put(root: _Root, what: str, member: Member) -> None:
    try:
        root.put(member)
    except ArchiveError as error:
        raise ArchiveError(f"{what}: {error.message}", hint=error.hint) from None
    except OSError as error:
        message = f"{what}: {member.path!r} cannot be written: {error.strerror}"
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise MachineError(message, hint="free some space, or unpack elsewhere") from None
        if error.errno == errno.EPERM:
            raise MachineError(message, hint="only root may give files to other users") from None
        raise ArchiveError(message) from None


class _Root:
    """The folder that stands for ``/``; paths in it are real ones, without links among their parents."""

    def __init__(self, root: Path, *, ownership: bool, mask: int) -> None:
        self._root = str(root)
        self._ownership = ownership
        self._mask = mask
        # A folder's mode is set last: it may forbid to write into it.
        self._modes: dict[str, int] = {}
        self._parents: dict[str, str] = {}
        self.made: set[str] = set()

    def put(self, member: Member) -> None:
        """Makes the member, or removes what it hides."""
        if is_whiteout(member.path):
            path, only_inside = hidden(member.path)
            self._hide(self._real(path) if path else self._root, only_inside=only_inside)
            return
        path = self._real(member.path)
        self._remember(path)
        if member.kind is Kind.DIRECTORY:
            self._directory(path, member)
            return
        link = self._real(member.link) if member.kind is Kind.HARDLINK else member.link
        if link == path:
            return
        self._remove(path)
        _MAKERS[member.kind](path, link, member)
        self._own(path, member)

    def finish(self) -> None:
        """Sets the folders' modes, innermost first."""
        for path in sorted(self._modes, reverse=True):
            os.chmod(path, self._modes[path])

    def _directory(self, path: str, member: Member) -> None:
        if not os.path.isdir(path) or os.path.islink(path):
            self._remove(path)
            os.mkdir(path, 0o700)
        self._modes[path] = member.mode & self._mask
        self._own(path, member)

    def _own(self, path: str, member: Member) -> None:
        if self._ownership and member.kind is not Kind.HARDLINK:
            os.chown(path, member.uid, member.gid, follow_symlinks=False)
        # Changing the owner clears the set-user-id bit, so the mode comes after it.
        if member.kind is Kind.FILE:
            os.chmod(path, member.mode & self._mask)

    def _real(self, path: str) -> str:
        """Where the path is: missing parents are made, links among them are followed inside the root."""
        parent, _, name = path.rpartition("/")
        return f"{self._parent(parent)}/{name}"

    def _parent(self, parent: str) -> str:
        known = self._parents.get(parent)
        if known is None:
            known = self._parents[parent] = self._walk(parent)
        return known

    def _walk(self, path: str) -> str:
        todo, done, links = path.split("/")[::-1], self._root, 0
        while todo:
            part = todo.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                done = done if done == self._root else done.rpartition("/")[0]
                continue
            here = f"{done}/{part}"
            if os.path.islink(here):
                if (links := links + 1) > _MAX_LINKS:
                    raise ArchiveError(f"{path!r} leads through too many links")
                target = os.readlink(here)
                done = self._root if target.startswith("/") else done
                todo += target.split("/")[::-1]
                continue
            if here.count("/") - self._root.count("/") > MAX_DEPTH:
                raise ArchiveError(f"{path[:80]!r}… leads deeper than {MAX_DEPTH} folders")
            self._enter(here, path)
            done = here
        return done

    def _enter(self, here: str, path: str) -> None:
        if os.path.isdir(here):
            return
        if os.path.lexists(here):
            raise ArchiveError(f"{path!r} leads through a file")
        os.mkdir(here, 0o700)
        self._modes[here] = 0o755

    def _remember(self, path: str) -> None:
        while path != self._root and path not in self.made:
            self.made.add(path)
            path = path.rpartition("/")[0]

    def _hide(self, path: str, *, only_inside: bool) -> None:
        """Removes what lower layers left there; what this layer made stays."""
        if os.path.islink(path) or not os.path.isdir(path):
            if not only_inside and path not in self.made:
                self._remove(path)
            return
        if path not in self.made and not only_inside:
            self._remove(path)
            return
        for name in os.listdir(path):
            self._hide(f"{path}/{name}", only_inside=False)

    def _remove(self, path: str) -> None:
        """Removes whatever stands at the path itself; a link there is not followed."""
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        except IsADirectoryError:
            shutil.rmtree(path)
            self._modes = {known: mode for known, mode in self._modes.items() if not _within(known, path)}
        # What stood here may have been on the way to somewhere.
        self._parents.clear()


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _file(path: str, _link: str, member: Member) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb", buffering=0) as out:
        while data := member.data.read(BLOCK):
            out.write(data)


def _symlink(path: str, link: str, _member: Member) -> None:
    os.symlink(link, path)


def _hardlink(path: str, link: str, member: Member) -> None:
    if os.path.isdir(link) and not os.path.islink(link):
        raise ArchiveError(f"the hard link {member.path!r} leads to the folder {member.link!r}")
    try:
        os.link(link, path, follow_symlinks=False)
    except FileNotFoundError:
        raise ArchiveError(f"the hard link {member.path!r} leads to {member.link!r}, which is not there") from None


_MAKERS: dict[Kind, Callable[[str, str, Member], None]] = {
    Kind.FILE: _file,
    Kind.SYMLINK: _symlink,
    Kind.HARDLINK: _hardlink,
}
