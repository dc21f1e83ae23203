"""Layers (OCI image-spec, layer.md): a compressed tar with two names, its digest as stored and its ``diff_id``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.image.digest import Digest
    from slimtorch.image.tree import Opener

LAYER_TAR = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
NAME_ANNOTATION = "io.slimtorch.layer"
"""Descriptor annotation that holds a layer's group name (os, python, torch, app …)."""


FILES_ANNOTATION = "io.slimtorch.files"
SIZE_ANNOTATION = "io.slimtorch.size"
"""Descriptor annotations: a layer's files, and their bytes unpacked, known without pulling it."""


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A typed pointer to a blob (OCI image-spec, descriptor.md). `size` is in bytes."""

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The descriptor as the specification writes it."""
        record: dict[str, Any] = {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size}
        if self.annotations:
            record["annotations"] = dict(self.annotations)
        return record


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer. `open` yields the bytes as stored (compressed), any number of times."""

    diff_id: Digest
    blob: Descriptor
    open: Opener = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        """The group that slimtorch put in this layer, or an empty string for a layer by others."""
        return self.blob.annotations.get(NAME_ANNOTATION, "")
