"""Trees and images from plain dicts: what a test wants to see stands in the test."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING

from slimtorch.image.codec import GZIP, Codec
from slimtorch.image.config import Runtime
from slimtorch.image.digest import Digest, from_hex, of_bytes
from slimtorch.image.layer import Layer
from slimtorch.image.model import Image, assemble
from slimtorch.image.pack import pack
from slimtorch.image.tree import Content, Entry, FileTree, Kind, directory, symlink, with_parents

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import BinaryIO

RUNTIME = Runtime(
    architecture="amd64",
    user="1000",
    working_dir="/app",
    env={"PATH": "/opt/venv/bin:/usr/bin:/bin"},
    cmd=("/usr/bin/true",),
)


class Memory:
    """A blob kept in memory; the sink that `pack` writes to."""

    def __init__(self) -> None:
        self.data = bytearray()

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def digest(self) -> Digest:
        return from_hex(hashlib.sha256(self.data).hexdigest())

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)


def content(data: bytes) -> Content:
    """The bytes as a file's content."""
    return Content(len(data), of_bytes(data), lambda: io.BytesIO(data))


def make_file(path: str, data: bytes = b"", *, owner: str = "app", mode: int = 0o644) -> Entry:
    """A file entry."""
    return Entry(path, Kind.FILE, mode, owner, content=content(data))


def make_tree(files: Mapping[str, bytes | str], *, owner: str = "app") -> FileTree:
    """A tree with its parent directories.

    A value is a file's bytes; as text, ``-> target`` is a symbolic link, ``= path`` a hard link and ``/`` a directory.
    """
    entries = []
    for path, value in files.items():
        if isinstance(value, bytes):
            entries.append(make_file(path, value, owner=owner))
        elif value.startswith("-> "):
            entries.append(symlink(path, value[3:], owner))
        elif value.startswith("= "):
            entries.append(Entry(path, Kind.HARDLINK, 0o644, owner, link=value[2:]))
        else:
            entries.append(directory(path, owner))
    return with_parents(FileTree(entries), owner)


def make_layer(tree: FileTree, *, name: str = "app", codec: Codec = GZIP) -> Layer:
    """The tree as a layer in memory."""
    sink = Memory()
    diff_id, blob = pack(tree, name, codec, sink)
    return Layer(diff_id, blob, sink.open)


def make_image(
    *layers: Mapping[str, bytes | str],
    codec: Codec = GZIP,
    runtime: Runtime = RUNTIME,
    annotations: Mapping[str, str] | None = None,
) -> Image:
    """An image with one layer for each mapping (see `make_tree`), bottom first."""
    made = [make_layer(make_tree(files), name=f"layer{number}", codec=codec) for number, files in enumerate(layers)]
    return assemble(runtime, made, annotations or {})


def write_layer(layer: Layer, path: Path) -> None:
    """The layer's stored bytes in a file."""
    with layer.open() as stream:
        path.write_bytes(stream.read())
