"""Layers to one file system: later layers over earlier ones, whiteouts applied (OCI image-spec, layer.md)."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from slimtorch.errors import ArchiveError
from slimtorch.image.blob import drain
from slimtorch.image.digest import BLOCK, from_hex
from slimtorch.image.inflate import decompressor, limit_for
from slimtorch.image.slices import bounded
from slimtorch.image.tree import Content, Entry, FileTree, Kind
from slimtorch.image.untar import DEFAULT_LIMITS, Limits, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from slimtorch.image.layer import Layer
    from slimtorch.image.untar import Member

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_MAX_LINKS = 40


@contextmanager
def layer_tar(layer: Layer) -> Iterator[BinaryIO]:
    """The layer's uncompressed tar. A context that ends well has read it to its end, so its digest was checked.

    Raises:
        ArchiveError: the compressed bytes are damaged or a bomb.
    """
    limit = limit_for(layer.blob.size)
    with layer.open() as stored:
        stream = decompressor(stored, layer.blob.media_type, label(layer), limit=limit)
        yield stream
        drain(stream)


def label(layer: Layer) -> str:
    """How messages call the layer."""
    return f"layer {layer.name or layer.blob.digest}"


def members(layer: Layer, limits: Limits = DEFAULT_LIMITS) -> Iterator[Member]:
    """The layer's checked members in order, whiteouts as they stand, devices left out; verified at the end.

    Raises:
        ArchiveError: the layer is damaged or hostile.
    """
    with layer_tar(layer) as stream:
        yield from read(stream, label(layer), limits=limits, devices="skip")


def listing(layer: Layer, owner: str = "") -> list[Entry]:
    """The layer's entries, whiteouts as they stand, read in one pass.

    Contents are hashed as they pass; opening one reads the layer again up to there, so whoever needs many of them
    unpacks the image instead. The entries' owner is `owner`, or the layer's name, or ``base``.
    """
    found = []
    for member in members(layer):
        content = _content(layer, member) if member.kind is Kind.FILE else None
        found.append(member.entry(owner or layer.name or "base", content))
    return found


def flatten(layers: Iterable[Layer]) -> FileTree:
    """The file system that a container of these layers sees."""
    return overlay(listing(layer) for layer in layers)


def overlay(layers: Iterable[Sequence[Entry]]) -> FileTree:
    """The tree after each layer's entries were put over what the layers below left.

    A parent that is a link is followed inside the tree, as container runtimes do. Where a hard link's target is hidden
    or replaced, the link keeps the file.

    Raises:
        ArchiveError: an entry leads through a file or through too many links, or a hard link has no target.
    """
    merged = Overlay()
    for layer in layers:
        # Whiteouts hide what lower layers hold, wherever they stand in their own.
        for entry in layer:
            if is_whiteout(entry.path):
                merged.hide(*hidden(entry.path))
        for entry in layer:
            if not is_whiteout(entry.path):
                merged.put(entry)
    return FileTree(merged.entries.values())


def is_whiteout(path: str) -> bool:
    """Whether the path is a mark that hides something."""
    return path.rpartition("/")[2].startswith(WHITEOUT)


def hidden(path: str) -> tuple[str, bool]:
    """What a whiteout hides: a path, and whether only what is in it (an opaque folder).

    Raises:
        ArchiveError: the mark hides nothing that has a name.
    """
    parent, slash, name = path.rpartition("/")
    if name == OPAQUE:
        return parent, True
    target = name[len(WHITEOUT) :]
    if target in {"", ".", ".."}:
        raise ArchiveError(f"the whiteout {path!r} names nothing")
    return f"{parent}{slash}{target}", False


class Overlay:
    """A tree that entries are put over: with indexes of children and of hard links, so that nothing is searched for."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self._children: dict[str, set[str]] = {}
        self._links: dict[str, set[str]] = {}

    def hide(self, path: str, only_inside: bool) -> None:  # noqa: FBT001  (as `hidden` gives them)
        """Removes what is at the path, or only what is in it."""
        path = self._resolved(path)
        self._clear(path)
        if not only_inside:
            self._drop(path)

    def put(self, entry: Entry) -> str:
        """Puts the entry over what is there; gives the path where it stands, '' for a link to itself."""
        path = self._resolved(entry.path)
        entry = replace(entry, path=path)
        if entry.kind is Kind.HARDLINK:
            entry = self._linked(entry)
            if entry.link == path:
                return ""
        if entry.kind is not Kind.DIRECTORY:
            self._clear(path)
        self._drop(path)
        self.entries[path] = entry
        self._note_parents(path)
        if entry.kind is Kind.HARDLINK:
            self._links.setdefault(entry.link, set()).add(path)
        return path

    def _note_parents(self, path: str) -> None:
        """A folder that no layer lists exists all the same, and can be hidden."""
        while path:
            parent = path.rpartition("/")[0]
            known = parent in self._children
            self._children.setdefault(parent, set()).add(path)
            if known:
                return
            path = parent

    def _linked(self, entry: Entry) -> Entry:
        """The hard link with the file itself as its target, never another link to it."""
        target = self.entries.get(self._resolved(entry.link))
        if target is None or target.kind is Kind.DIRECTORY:
            raise ArchiveError(f"the hard link {entry.path!r} leads to {entry.link!r}, which is no file")
        return replace(entry, link=target.link if target.kind is Kind.HARDLINK else target.path)

    def _clear(self, path: str) -> None:
        """Removes what is below the path."""
        todo = list(self._children.get(path, ()))
        while todo:
            below = todo.pop()
            todo += self._children.get(below, ())
            self._drop(below)
            self._children.pop(below, None)
        self._children.pop(path, None)

    def _drop(self, path: str) -> None:
        entry = self.entries.pop(path, None)
        if entry is None:
            return
        self._children.get(path.rpartition("/")[0], set()).discard(path)
        if entry.kind is Kind.HARDLINK:
            self._links[entry.link].discard(path)
        elif heirs := sorted(self._links.pop(path, ())):
            first, *others = heirs
            self.entries[first] = replace(entry, path=first)
            for other in others:
                self.entries[other] = replace(self.entries[other], link=first)
            self._links[first] = set(others)

    def _resolved(self, path: str) -> str:
        """The path with links among its parents followed inside the tree; the last part is kept as it is."""
        parent, slash, name = path.rpartition("/")
        if not slash or parent in self._children:
            return path
        todo, done, links = parent.split("/")[::-1], "", 0
        while todo:
            part = todo.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                done = done.rpartition("/")[0]
                continue
            here = f"{done}/{part}".lstrip("/")
            entry = self.entries.get(here)
            if entry is None or entry.kind is Kind.DIRECTORY:
                done = here
            elif entry.kind is Kind.SYMLINK and (links := links + 1) <= _MAX_LINKS:
                done = "" if entry.link.startswith("/") else done
                todo += entry.link.split("/")[::-1]
            else:
                raise ArchiveError(f"{path!r} leads through {here!r}, which is no folder")
        return f"{done}/{name}".lstrip("/")


def _content(layer: Layer, member: Member) -> Content:
    sha = hashlib.sha256()
    while block := member.data.read(BLOCK):
        sha.update(block)
    return Content(member.size, from_hex(sha.hexdigest()), partial(_reopen, layer, member))


def _reopen(layer: Layer, member: Member) -> BinaryIO:
    """The member's bytes, found by reading the layer again up to them."""
    limit = limit_for(layer.blob.size)
    stream = decompressor(layer.open(), layer.blob.media_type, label(layer), limit=limit)
    left = member.offset
    while left and (block := stream.read(min(left, BLOCK))):
        left -= len(block)
    return bounded(stream, member.size)
