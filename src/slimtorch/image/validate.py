"""Every invariant of an image that can be checked from its bytes (OCI image-spec: manifest.md, config.md, layer.md)."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from slimtorch.errors import SlimtorchError
from slimtorch.image import digest as digests
from slimtorch.image.blob import verified
from slimtorch.image.codec import media_codec
from slimtorch.image.digest import BLOCK
from slimtorch.image.flatten import label
from slimtorch.image.inflate import decompressor, limit_for, sniff
from slimtorch.image.model import CONFIG, DOCKER_MANIFEST, MANIFEST
from slimtorch.image.untar import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.image.layer import Layer
    from slimtorch.image.model import Image

_DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER_PREFIXES = ("application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.")


def validate(image: Image) -> list[str]:
    """Every invariant that the image breaks, one sentence each; reads all layers once. Empty for a good image."""
    problems: list[str] = []
    manifest = _decoded(image.manifest, "the manifest", problems)
    config = _decoded(image.config, "the configuration", problems)
    if manifest is None or config is None:
        return problems
    problems += _manifest(image, manifest)
    problems += _config(image, config)
    for layer in image.layers:
        problems += _layer(layer)
    return problems


def _decoded(data: bytes, what: str, problems: list[str]) -> dict[str, Any] | None:
    try:
        value = json.loads(data)
    except ValueError:
        problems.append(f"{what} is not JSON")
        return None
    if isinstance(value, dict):
        return value
    problems.append(f"{what} is not a JSON object")
    return None


def _manifest(image: Image, manifest: dict[str, Any]) -> Iterator[str]:
    if manifest.get("schemaVersion") != 2:
        yield "the manifest's schemaVersion is not 2"
    media_type = manifest.get("mediaType", image.media_type)
    if media_type != image.media_type or media_type not in {MANIFEST, DOCKER_MANIFEST}:
        yield f"the manifest's media type is {media_type!r}"
    config = manifest.get("config") or {}
    if config.get("mediaType") not in {CONFIG, _DOCKER_CONFIG}:
        yield f"the configuration's media type is {config.get('mediaType')!r}"
    if (config.get("digest"), config.get("size")) != (digests.of_bytes(image.config), len(image.config)):
        yield "the manifest names another configuration"
    said = [layer.blob.to_json() for layer in image.layers]
    if manifest.get("layers") != said:
        yield "the manifest's layers are not the image's"
    for layer in image.layers:
        if not layer.blob.media_type.startswith(_LAYER_PREFIXES):
            yield f"{label(layer)} has the media type {layer.blob.media_type!r}"


def _config(image: Image, config: dict[str, Any]) -> Iterator[str]:
    rootfs = config.get("rootfs") or {}
    if rootfs.get("type") != "layers":
        yield "the configuration's rootfs is not of the type 'layers'"
    if rootfs.get("diff_ids") != [str(layer.diff_id) for layer in image.layers]:
        yield "the configuration's diff_ids are not the layers'"
    for key in ("architecture", "os"):
        if not isinstance(config.get(key), str):
            yield f"the configuration has no {key}"
    history = config.get("history")
    if history is not None and len([step for step in history if not step.get("empty_layer")]) != len(image.layers):
        yield "the configuration's history does not agree with the number of layers"


def _layer(layer: Layer) -> Iterator[str]:
    with layer.open() as stored:
        found = sniff(stored.read(4)) or "none"
    if found != media_codec(layer.blob.media_type):
        yield f"{label(layer)} is compressed with {found}, but its media type is {layer.blob.media_type}"
        return
    try:
        stream = _Hashing(layer)
        for _ in read(cast("BinaryIO", stream), label(layer), devices="skip"):
            pass
        stream.finish()
    except SlimtorchError as error:
        yield error.message
        return
    if stream.digest != layer.diff_id:
        yield f"{label(layer)} unpacks to {stream.digest}, but its diff_id is {layer.diff_id}"


class _Hashing:
    """The layer's tar, hashed as it passes; below it, the stored bytes prove themselves."""

    def __init__(self, layer: Layer) -> None:
        stored = verified(layer.open(), layer.blob, label(layer))
        limit = limit_for(layer.blob.size)
        self._stored = stored
        self._stream = decompressor(stored, layer.blob.media_type, label(layer), limit=limit)
        self._sha = hashlib.sha256()

    def seekable(self) -> bool:
        return False

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._sha.update(data)
        return data

    def finish(self) -> None:
        while self.read(BLOCK):
            pass
        self._stream.close()

    @property
    def digest(self) -> str:
        return f"sha256:{self._sha.hexdigest()}"
