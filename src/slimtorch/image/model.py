"""Images: a manifest, a configuration and layers, kept as the exact bytes that their digests name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slimtorch.image import digest as digests
from slimtorch.image.layer import NAME_ANNOTATION, Descriptor, Layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from slimtorch.image.config import Runtime
    from slimtorch.image.digest import Digest

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"


@dataclass(frozen=True, slots=True)
class Image:
    """One image for one platform. `manifest` and `config` are never re-serialised: unknown keys and digests survive."""

    manifest: bytes
    config: bytes
    layers: tuple[Layer, ...]
    media_type: str = MANIFEST

    @property
    def digest(self) -> Digest:
        """The digest of the manifest, which names the image."""
        return digests.of_bytes(self.manifest)

    @property
    def descriptor(self) -> Descriptor:
        """The manifest's descriptor."""
        return Descriptor(self.media_type, self.digest, len(self.manifest))

    @property
    def config_descriptor(self) -> Descriptor:
        """The configuration's descriptor."""
        return Descriptor(CONFIG, digests.of_bytes(self.config), len(self.config))

    @property
    def annotations(self) -> Mapping[str, str]:
        """The manifest's annotations."""
        found: dict[str, str] = json.loads(self.manifest).get("annotations") or {}
        return found

    @property
    def settings(self) -> dict[str, Any]:
        """The whole image configuration, decoded."""
        decoded: dict[str, Any] = json.loads(self.config)
        return decoded

    @property
    def size(self) -> int:
        """Bytes to pull: layers, configuration and manifest as stored."""
        return sum(layer.blob.size for layer in self.layers) + len(self.config) + len(self.manifest)


def assemble(runtime: Runtime, layers: Sequence[Layer], annotations: Mapping[str, str]) -> Image:
    """The image with these layers, bottom first. Equal input gives equal bytes."""
    config = {
        **runtime.to_json(),
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id) for layer in layers]},
        "history": [
            {
                "created": runtime.created_text,
                "created_by": f"slimtorch: {layer.blob.annotations.get(NAME_ANNOTATION, 'base')}",
            }
            for layer in layers
        ],
    }
    return _encode(digests.canonical_json(config), layers, annotations)


def replace_layers(image: Image, layers: Sequence[Layer], annotations: Mapping[str, str] | None = None) -> Image:
    """The image with the same content in layers of another compression; every ``diff_id`` must stay.

    `annotations` are changed; the others stay.
    """
    return _encode(image.config, layers, {**image.annotations, **(annotations or {})})


def _encode(config: bytes, layers: Sequence[Layer], annotations: Mapping[str, str]) -> Image:
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": Descriptor(CONFIG, digests.of_bytes(config), len(config)).to_json(),
        "layers": [layer.blob.to_json() for layer in layers],
    }
    if annotations:
        manifest["annotations"] = dict(annotations)
    return Image(digests.canonical_json(manifest), config, tuple(layers))
