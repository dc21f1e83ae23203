"""A layer with some of its members replaced or left out; everything else is copied as its bytes stand in the tar."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, BinaryIO

from slimtorch.errors import ArchiveError, VerificationError
from slimtorch.image import ustar
from slimtorch.image.codec import GZIP, NONE, ZSTD, compressor, media_codec
from slimtorch.image.digest import BLOCK, from_hex
from slimtorch.image.flatten import label, layer_tar
from slimtorch.image.layer import FILES_ANNOTATION, SIZE_ANNOTATION, Descriptor
from slimtorch.image.tar import header
from slimtorch.image.tree import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slimtorch.image.codec import Codec
    from slimtorch.image.digest import Digest
    from slimtorch.image.layer import Layer
    from slimtorch.image.opened import Opened, Standing
    from slimtorch.image.pack import Sink
    from slimtorch.image.relayer import Changes
    from slimtorch.image.tar import Writable
    from slimtorch.image.tree import Content, Entry

_CODECS = {"zstd": ZSTD, "gzip": GZIP, "none": NONE}
# What others note of a layer's compressed bytes (tables of contents for lazy pulling); it would be untrue.
_OF_THE_BYTES = ("containerd.io/snapshot/", "io.containers.estargz.", "io.github.containers.zstd-chunked.")


def same_codec(layer: Layer) -> Codec:
    """The codec of the layer's media type."""
    return _CODECS[media_codec(layer.blob.media_type)]


def rewrite(
    opened: Opened, changed: Changes, sink: Sink, *, on_bytes: Callable[[int], None] | None = None
) -> tuple[Digest, Descriptor]:
    """The changed layer's ``diff_id`` and descriptor, its bytes written to `sink`; media type and codec as before.

    Hard links that changed come last, so that what they lead to stands already. `on_bytes` is told uncompressed bytes.

    Raises:
        ArchiveError: the layer is damaged.
        VerificationError: a new file's bytes are not the ones its `Content` promises.
    """
    layer = opened.layer
    codec = same_codec(layer)
    with layer_tar(layer) as source, compressor(codec, sink) as out:
        writer = _Writer(source, out, label(layer), on_bytes)
        last: list[tuple[Standing, Entry]] = []
        for number in sorted(changed):
            standing, entry = opened.standings[number], changed[number]
            writer.copy_to(standing.start)
            blocks = writer.take(standing.data - standing.start)
            writer.skip_to(standing.end)
            if entry is not None and entry.kind is Kind.HARDLINK:
                last.append((standing, entry))
            elif entry is not None:
                writer.put(entry, _header(entry, standing, blocks))
        writer.copy_to(opened.standings[-1].end if last else 0)
        for standing, entry in last:
            writer.put(entry, _header(entry, standing, b""))
        writer.copy_to(None)
    blob = Descriptor(layer.blob.media_type, sink.digest, sink.size, _annotations(opened, changed))
    return writer.digest, blob


def _annotations(opened: Opened, changed: Changes) -> Mapping[str, str]:
    kept = {name: text for name, text in opened.layer.blob.annotations.items() if not name.startswith(_OF_THE_BYTES)}
    entries = [changed.get(number, standing.entry) for number, standing in enumerate(opened.standings)]
    found = [entry for entry in entries if entry is not None and entry.kind is not Kind.DIRECTORY]
    true = {FILES_ANNOTATION: str(len(found)), SIZE_ANNOTATION: str(sum(entry.size for entry in found))}
    return kept | {name: text for name, text in true.items() if name in kept}


def _header(entry: Entry, standing: Standing, blocks: bytes) -> bytes:
    """The member's own header with the new size, where that is all that is new; times and attributes stay."""
    old = standing.entry
    known = (old.path, old.kind, old.mode, old.uid, old.gid)
    same = known == (entry.path, entry.kind, entry.mode, entry.uid, entry.gid)
    if blocks and same and entry.kind is Kind.FILE and (found := ustar.resized(blocks, entry.size)):
        return found
    return header(entry, entry.link, ustar.modified(blocks[-ustar.BLOCK_SIZE :]) if blocks else 0)


class _Writer:
    """Copies from one tar to another; counts, hashes and verifies what passes."""

    def __init__(self, source: BinaryIO, out: Writable, what: str, on_bytes: Callable[[int], None] | None) -> None:
        self._source = source
        self._out = out
        self._what = what
        self._on_bytes = on_bytes
        self._sha = hashlib.sha256()
        self._position = 0

    @property
    def digest(self) -> Digest:
        return from_hex(self._sha.hexdigest())

    def copy_to(self, position: int | None) -> None:
        """Everything up to the position in the old tar, or to its end."""
        while position is None or self._position < position:
            wanted = BLOCK if position is None else min(BLOCK, position - self._position)
            data = self._source.read(wanted)
            if not data and position is None:
                return
            self._advance(len(data))
            self._write(data)

    def take(self, size: int) -> bytes:
        """The next bytes of the old tar, not copied."""
        data = b""
        while len(data) < size:
            block = self._source.read(size - len(data))
            self._advance(len(block))
            data += block
        return data

    def skip_to(self, position: int) -> None:
        """Leaves out everything up to the position in the old tar."""
        while self._position < position:
            self._advance(len(self._source.read(min(BLOCK, position - self._position))))

    def put(self, entry: Entry, blocks: bytes) -> None:
        """A member of our own."""
        self._write(blocks)
        if entry.content is not None:
            self._content(entry, entry.content)
            self._write(bytes(ustar.padding(entry.size)))

    def _content(self, entry: Entry, content: Content) -> None:
        sha, size = hashlib.sha256(), 0
        with content.open() as stream:
            while data := stream.read(BLOCK):
                sha.update(data)
                size += len(data)
                self._write(data)
        if size != content.size or from_hex(sha.hexdigest()) != content.digest:
            raise VerificationError(f"/{entry.path} is not what was made of it; it changed while it was read")

    def _advance(self, size: int) -> None:
        if not size:
            raise ArchiveError(f"{self._what} is shorter than it was", hint="it changed while it was read; try again")
        self._position += size

    def _write(self, data: bytes) -> None:
        self._sha.update(data)
        self._out.write(data)
        if self._on_bytes:
            self._on_bytes(len(data))
