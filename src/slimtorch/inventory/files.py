"""An image's file system to look at: links are followed inside the image, whatever they say."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from slimtorch.image.tree import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.image.tree import Opener

LINKS = 40
"""As many links as the kernel follows in one path (path_resolution(7))."""
TEXT_LIMIT = 1 << 24
"""Bytes above which a file is not read as text."""


@dataclass(frozen=True, slots=True)
class Node:
    """What stands at one path. `uid` is None where the owner in the image is not known."""

    kind: Kind
    mode: int
    size: int = 0
    uid: int | None = 0
    gid: int | None = 0
    link: str = ""
    open: Opener | None = None


class Files(Mapping[str, Node]):
    """Nodes by path, relative to the root of the image."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = nodes

    def __getitem__(self, path: str) -> Node:
        return self._nodes[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)

    def real(self, path: str) -> str | None:
        """The path with all links followed, or None where it leads nowhere or in a circle; '' is the root."""
        todo, done, links = path.split("/")[::-1], "", 0
        while todo:
            part = todo.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                done = done.rpartition("/")[0]
                continue
            here = f"{done}/{part}" if done else part
            node = self._nodes.get(here)
            if node is None:
                return None
            if node.kind is Kind.SYMLINK:
                if (links := links + 1) > LINKS:
                    return None
                done = "" if node.link.startswith("/") else done
                todo += node.link.split("/")[::-1]
            else:
                done = here
        return done

    def file(self, path: str) -> str | None:
        """The real path of the file at `path`, links followed; None where there is no file."""
        real = self.real(path)
        return real if real and self._nodes[real].kind is Kind.FILE else None

    def program(self, name: str, search: str, workdir: str = "/") -> str | None:
        """The real path of the executable file that execvp(3) would start, or None."""
        folders = [workdir] if "/" in name else search.split(":")
        for folder in folders:
            path = self.file(name if name.startswith("/") else f"{folder}/{name}")
            if path and self._nodes[path].mode & 0o111:
                return path
        return None

    def text(self, path: str) -> str:
        """The text of the file at `path`; '' where there is none, or a huge one."""
        real = self.file(path)
        node = self._nodes[real] if real else None
        if node is None or node.open is None or node.size > TEXT_LIMIT:
            return ""
        with node.open() as stream:
            return stream.read(TEXT_LIMIT).decode(errors="replace")


def of_directory(root: Path, *, owners: bool) -> Files:
    """The files of an image that was unpacked to `root`; `owners` says whether they kept their owners."""
    nodes: dict[str, Node] = {}
    for folder, folders, names in os.walk(root):
        inside = os.path.relpath(folder, root)
        prefix = "" if inside == "." else f"{inside}/"
        for name in (*folders, *names):
            node = _node(os.path.join(folder, name), owners=owners)  # noqa: PTH118  (tens of thousands of times)
            if node:
                nodes[prefix + name] = node
    return Files(nodes)


def _node(path: str, *, owners: bool) -> Node | None:
    status = os.lstat(path)
    mode = stat.S_IMODE(status.st_mode)
    uid, gid = (status.st_uid, status.st_gid) if owners else (None, None)
    if stat.S_ISLNK(status.st_mode):
        return Node(Kind.SYMLINK, mode, 0, uid, gid, os.readlink(path))  # noqa: PTH115
    if stat.S_ISDIR(status.st_mode):
        return Node(Kind.DIRECTORY, mode, 0, uid, gid)
    if stat.S_ISREG(status.st_mode):
        return Node(Kind.FILE, mode, status.st_size, uid, gid, open=partial(_open, path))
    return None


def _open(path: str) -> BinaryIO:
    """The path is real, without links among its parents: os.walk follows none."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
