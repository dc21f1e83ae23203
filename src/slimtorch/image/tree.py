"""A file system as a value: paths to entries, each entry knowing who brought it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Protocol

from slimtorch.errors import ArchiveError
from slimtorch.image.digest import of_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from slimtorch.image.digest import Digest


class Kind(StrEnum):
    """What stands at a path. Devices and sockets never enter a tree."""

    FILE = "file"
    DIRECTORY = "directory"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"


class Opener(Protocol):
    """Opens the same bytes as often as it is called."""

    def __call__(self) -> BinaryIO:
        """A new stream at its start."""
        ...


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a file, by size (bytes) and digest. `open` may be called any number of times."""

    size: int
    digest: Digest
    open: Opener = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a tree.

    `path` is relative to the root, POSIX, without ``.`` or ``..``. `link` is the target as written (symlink) or the
    path
    of the other name (hardlink). `owner` says who brought the entry: ``wheel:torch==2.13.0``, ``deb:libc6=2.36``,
    ``app``, ``weights``, ``slimtorch`` (the short generated list), ``base``.
    """

    path: str
    kind: Kind
    mode: int
    owner: str
    uid: int = 0
    gid: int = 0
    link: str = ""
    content: Content | None = None

    @property
    def size(self) -> int:
        """Bytes of content; 0 for anything but a file."""
        return self.content.size if self.content else 0

    def same_thing(self, other: Entry) -> bool:
        """Whether both would write the same bytes; the owner may differ."""
        return (self.kind, self.mode, self.uid, self.gid, self.link, self.content) == (
            other.kind,
            other.mode,
            other.uid,
            other.gid,
            other.link,
            other.content,
        )


def directory(path: str, owner: str, *, mode: int = 0o755, uid: int = 0, gid: int = 0) -> Entry:
    """A directory entry."""
    return Entry(path, Kind.DIRECTORY, mode, owner, uid, gid)


def small_file(path: str, data: bytes, owner: str, *, mode: int = 0o644) -> Entry:
    """A file whose bytes are kept in memory."""
    return Entry(path, Kind.FILE, mode, owner, content=Content(len(data), of_bytes(data), partial(io.BytesIO, data)))


def symlink(path: str, target: str, owner: str) -> Entry:
    """A symbolic link entry; its mode is what tar writes for links."""
    return Entry(path, Kind.SYMLINK, 0o777, owner, link=target)


class FileTree(Mapping[str, Entry]):
    """Entries by path, sorted. Immutable: every verb returns a new tree."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries = {entry.path: entry for entry in sorted(entries, key=lambda entry: entry.path)}

    def __getitem__(self, path: str) -> Entry:
        return self._entries[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self._entries.values())

    @property
    def files(self) -> int:
        """How many entries are no directories."""
        return sum(entry.kind is not Kind.DIRECTORY for entry in self._entries.values())

    def entries(self) -> Iterator[Entry]:
        """The entries in path order, so that a directory comes before what is in it."""
        return iter(self._entries.values())

    def partition(self, name: Callable[[Entry], str]) -> dict[str, FileTree]:
        """The tree split by what `name` says of each entry; merging the parts gives the tree back."""
        parts: dict[str, list[Entry]] = {}
        for entry in self._entries.values():
            parts.setdefault(name(entry), []).append(entry)
        return {key: FileTree(entries) for key, entries in parts.items()}


def merge(*trees: FileTree) -> FileTree:
    """All entries of all trees.

    Two owners may bring the same directory, or the same bytes at the same path: the first one keeps it.

    Raises:
        ArchiveError: two owners bring different things to one path.
    """
    merged: dict[str, Entry] = {}
    for tree in trees:
        for entry in tree.entries():
            known = merged.setdefault(entry.path, entry)
            if known is entry or known.same_thing(entry) or known.kind is entry.kind is Kind.DIRECTORY:
                continue
            raise ArchiveError(
                f"{known.owner} and {entry.owner} both bring /{entry.path}, and they differ",
                hint="two packages that own the same file cannot be installed together; drop one of them",
            )
    return FileTree(merged.values())


def with_parents(tree: FileTree, owner: str) -> FileTree:
    """The tree with every missing parent directory added, as root's and `owner`'s."""
    missing: dict[str, Entry] = {}
    for path in tree:
        parent = path.rpartition("/")[0]
        while parent and parent not in tree and parent not in missing:
            missing[parent] = directory(parent, owner)
            parent = parent.rpartition("/")[0]
    return FileTree([*tree.entries(), *missing.values()])
