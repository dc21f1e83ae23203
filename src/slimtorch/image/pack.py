"""Trees to layers, and layers to other compressions of the same tar."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from slimtorch.errors import VerificationError
from slimtorch.image import tar
from slimtorch.image.codec import compressor
from slimtorch.image.digest import BLOCK, Digest, from_hex
from slimtorch.image.inflate import decompressor, limit_for
from slimtorch.image.layer import NAME_ANNOTATION, Descriptor

if TYPE_CHECKING:
    from collections.abc import Callable

    from slimtorch.image.codec import Codec
    from slimtorch.image.layer import Layer
    from slimtorch.image.tree import FileTree


class Sink(Protocol):
    """Takes a new blob's bytes and hashes them as they pass (`host.cache.BlobWriter` is one)."""

    @property
    def size(self) -> int:
        """Bytes written so far."""
        ...

    @property
    def digest(self) -> Digest:
        """The digest of what was written so far."""
        ...

    def write(self, data: bytes, /) -> object:
        """Appends `data`."""
        ...


class _Hashed:
    """Hashes on the way to `out`."""

    def __init__(self, out: tar.Writable) -> None:
        self._out = out
        self._sha = hashlib.sha256()

    def write(self, data: bytes, /) -> int:
        self._sha.update(data)
        self._out.write(data)
        return len(data)

    @property
    def digest(self) -> Digest:
        return from_hex(self._sha.hexdigest())


def pack(
    tree: FileTree,
    name: str,
    codec: Codec,
    sink: Sink,
    *,
    mtime: int = 0,
    on_bytes: Callable[[int], None] | None = None,
) -> tuple[Digest, Descriptor]:
    """The tree's ``diff_id`` and its layer's descriptor, the compressed tar written to `sink` in one pass.

    Equal trees, codecs and `mtime` (seconds since 1970) give equal bytes. `on_bytes` is told uncompressed bytes.

    Raises:
        VerificationError: a file's bytes are not the ones its `Content` promises.
    """
    with compressor(codec, sink) as out:
        hashed = _Hashed(out)
        tar.write(tree, hashed, mtime=mtime, on_bytes=on_bytes)
    return hashed.digest, Descriptor(codec.media_type, sink.digest, sink.size, {NAME_ANNOTATION: name} if name else {})


def repack(layer: Layer, codec: Codec, sink: Sink) -> Descriptor:
    """The descriptor of the same tar under another compression, written to `sink`.

    Raises:
        VerificationError: the layer's tar is not the one its ``diff_id`` names.
    """
    what = f"layer {layer.blob.digest}"
    limit = limit_for(layer.blob.size)
    with compressor(codec, sink) as out, decompressor(layer.open(), layer.blob.media_type, what, limit=limit) as tarred:
        hashed = _Hashed(out)
        while block := tarred.read(BLOCK):
            hashed.write(block)
    if hashed.digest != layer.diff_id:
        raise VerificationError(f"{what} unpacks to {hashed.digest}, but the image promises {layer.diff_id}")
    return Descriptor(codec.media_type, sink.digest, sink.size, layer.blob.annotations)
