"""Layers in the cache: kept there from a source that goes away, or compressed again once for all copies."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from slimtorch.image import digest as digests
from slimtorch.image.codec import CODEC_ANNOTATION, media_codec
from slimtorch.image.layer import Descriptor, Layer
from slimtorch.image.model import replace_layers
from slimtorch.image.pack import repack
from slimtorch.stores.files import pour

if TYPE_CHECKING:
    from slimtorch.host.cache import Cache
    from slimtorch.image.codec import Codec
    from slimtorch.image.model import Image


def keep(image: Image, cache: Cache) -> Image:
    """The same image with its layers read from the cache, put there, verified, where they were missing."""
    return replace(image, layers=tuple(_kept(layer, cache) for layer in image.layers))


def recompress(image: Image, codec: Codec, cache: Cache) -> Image:
    """The image with every layer compressed by `codec`'s algorithm; its manifest and digest change with it.

    An image whose layers all are so already, by whatever level, comes back as it is.

    Raises:
        VerificationError: a layer is not what the image promises.
    """
    if all(media_codec(layer.blob.media_type) == codec.name for layer in image.layers):
        return image
    layers = [_recompressed(layer, codec, cache) for layer in image.layers]
    # Only where slimtorch said it: an image by others gets no annotation of ours.
    said = {CODEC_ANNOTATION: codec.id} if CODEC_ANNOTATION in image.annotations else {}
    return replace_layers(image, layers, said)


def _kept(layer: Layer, cache: Cache) -> Layer:
    if cache.blob(layer.blob.digest) is None:
        with (
            layer.open() as source,
            cache.writer(layer.blob.digest, what=f"layer {layer.blob.digest}") as writer,
        ):
            pour(source, writer)
    return _from_cache(layer.diff_id, layer.blob, cache)


def _recompressed(layer: Layer, codec: Codec, cache: Cache) -> Layer:
    if media_codec(layer.blob.media_type) == codec.name:
        return layer
    key = digests.of_json([layer.blob.digest, codec.id])
    record = cache.record("recompressed", key)
    if record is not None and cache.blob(digests.Digest(record["digest"])):
        known = Descriptor(codec.media_type, digests.Digest(record["digest"]), record["size"], layer.blob.annotations)
        return _from_cache(layer.diff_id, known, cache)
    with cache.writer(what=f"layer {layer.blob.digest}") as writer:
        made = repack(layer, codec, writer)
    cache.put_record("recompressed", key, {"digest": made.digest, "size": made.size})
    return _from_cache(layer.diff_id, made, cache)


def _from_cache(diff_id: digests.Digest, blob: Descriptor, cache: Cache) -> Layer:
    return Layer(diff_id, blob, partial(cache.blob_path(blob.digest).open, "rb"))
