"""Layers read once: unpacked into a folder, with what stands where in their tars, so that parts can be replaced."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, cast

from slimtorch.errors import ArchiveError
from slimtorch.image.digest import from_hex
from slimtorch.image.flatten import Overlay, hidden, is_whiteout, label, members
from slimtorch.image.slices import open_slice
from slimtorch.image.tree import Content, Entry, FileTree, Kind
from slimtorch.image.unpack import unpack_members
from slimtorch.image.ustar import padding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from _typeshed import WriteableBuffer

    from slimtorch.image.layer import Layer
    from slimtorch.image.untar import Member


@dataclass(frozen=True, slots=True)
class Standing:
    """A member and where it stands in its layer's tar: headers from `start`, content from `data`, the next at `end`."""

    entry: Entry
    start: int
    data: int
    end: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A layer and its members in order, whiteouts too; devices are not among them, but stand between them."""

    layer: Layer
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class Traced:
    """What a container of some layers sees, and where it came from.

    `origin` is, for each path of the tree, the layer and the number of the member that put it there; `leads` is, for
    each hard link of a layer, seen or hidden, the member that it leads to.
    """

    tree: FileTree
    origin: dict[str, tuple[int, int]]
    leads: dict[tuple[int, int], tuple[int, int]]


def unpacked(
    layers: Sequence[Layer], root: Path, *, ownership: bool = False, on_bytes: Callable[[int], None] | None = None
) -> list[Opened]:
    """The layers, each read once, with `root`, an empty folder, filled with what a container of them sees.

    Contents are hashed as they pass; they can be opened only through `tree`.

    Raises:
        ArchiveError: a layer is damaged or hostile.
        VerificationError: a layer's bytes are not the promised ones.
    """
    found: list[list[Standing]] = [[] for _ in layers]
    read = ((label(layer), _watched(layer, known)) for layer, known in zip(layers, found, strict=True))
    unpack_members(read, root, ownership=ownership, on_bytes=on_bytes)
    return [Opened(layer, tuple(known)) for layer, known in zip(layers, found, strict=True)]


def listed(layer: Layer) -> Opened:
    """The layer with its members, read once; contents are hashed and cannot be opened."""
    found: list[Standing] = []
    for member in _watched(layer, found):
        while member.data.read(1 << 20):
            pass
    return Opened(layer, tuple(found))


def traced(layers: Sequence[Sequence[Entry | None]]) -> Traced:
    """The layers' entries put over each other as `flatten.overlay` does it; None stands for a member that is gone.

    Raises:
        ArchiveError: an entry leads through a file or through too many links, or a hard link has no target.
    """
    merged = Overlay()
    origin: dict[str, tuple[int, int]] = {}
    leads: dict[tuple[int, int], tuple[int, int]] = {}
    for layer, entries in enumerate(layers):
        for entry in entries:
            if entry is not None and is_whiteout(entry.path):
                merged.hide(*hidden(entry.path))
        for number, entry in enumerate(entries):
            if entry is None or is_whiteout(entry.path) or not (place := merged.put(entry)):
                continue
            origin[place] = (layer, number)
            if entry.kind is Kind.HARDLINK:
                leads[layer, number] = origin[merged.entries[place].link]
    kept = {path: place for path, place in origin.items() if path in merged.entries}
    return Traced(FileTree(merged.entries.values()), kept, leads)


def below(tree: FileTree, root: Path) -> FileTree:
    """The tree with its contents read from the files in `root`, where `unpacked` put them."""
    return FileTree(_placed(entry, root) for entry in tree.entries())


def _placed(entry: Entry, root: Path) -> Entry:
    if entry.content is None:
        return entry
    # A file of ours: `unpacked` made it, and no link leads to it.
    opener = partial(open_slice, root / entry.path, 0, entry.content.size)
    return replace(entry, content=Content(entry.content.size, entry.content.digest, opener))


def _watched(layer: Layer, found: list[Standing]) -> Iterator[Member]:
    """The layer's members, each added to `found` once it was read."""
    owner = layer.name or "base"
    for member in members(layer):
        content = None
        if member.kind is Kind.FILE:
            hashed = _Hashed(member.data)
            yield replace(member, data=cast("BinaryIO", hashed))
            content = Content(member.size, from_hex(hashed.sha.hexdigest()), partial(_closed, member.path))
        else:
            yield member
        end = member.offset + member.size + padding(member.size)
        found.append(Standing(member.entry(owner, content), member.start, member.offset, end))


def _closed(path: str) -> BinaryIO:
    raise ArchiveError(f"{path!r} is in a layer that was read already")


class _Hashed(io.RawIOBase):
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.sha = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size)
        self.sha.update(data)
        return data

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)
