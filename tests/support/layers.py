"""What an image holds, read with the standard library's tarfile: a second opinion on our own reader."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

from slimtorch.image.zstandard import ZstdDecompressor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.image.layer import Layer
    from slimtorch.image.model import Image


def unpacked(layer: Layer) -> bytes:
    """The layer's tar."""
    with layer.open() as stored:
        data = stored.read()
    if layer.blob.media_type.endswith("+zstd"):
        return b"".join(_frames(data))
    return gzip.decompress(data) if layer.blob.media_type.endswith("+gzip") else data


def _frames(data: bytes) -> Iterator[bytes]:
    while data:
        frame = ZstdDecompressor()
        yield frame.decompress(data)
        assert frame.eof, "the last frame is cut short"
        data = frame.unused_data


def members(image: Image) -> dict[str, tarfile.TarInfo]:
    """The headers of all layers by path; a path that two layers hold is a folder, or the image is not ours."""
    found: dict[str, tarfile.TarInfo] = {}
    for layer in image.layers:
        with tarfile.open(fileobj=io.BytesIO(unpacked(layer))) as archive:
            for member in archive:
                path = member.name.removeprefix("./").rstrip("/")
                assert path not in found or (found[path].isdir() and member.isdir()), f"{path} is there twice"
                found[path] = member
    return found


def text(image: Image, path: str) -> str:
    """A text file of the image."""
    for layer in image.layers:
        with tarfile.open(fileobj=io.BytesIO(unpacked(layer))) as archive:
            if path in archive.getnames():
                stream = archive.extractfile(path)
                assert stream is not None
                return stream.read().decode()
    raise AssertionError(f"{path} is not in the image")
