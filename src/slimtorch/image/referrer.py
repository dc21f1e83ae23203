"""A file that refers to an image: a manifest with a `subject` (OCI image-spec 1.1, manifest.md, "artifact usage")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slimtorch.image.digest import canonical_json, of_bytes
from slimtorch.image.layer import Descriptor
from slimtorch.image.model import MANIFEST

if TYPE_CHECKING:
    from slimtorch.image.digest import Digest

EMPTY = b"{}"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
TITLE = "org.opencontainers.image.title"


@dataclass(frozen=True, slots=True)
class Referrer:
    """The manifest, and the blobs that it names: the empty configuration and the file itself."""

    manifest: bytes
    artifact_type: str
    subject: Digest
    blobs: tuple[bytes, ...]

    @property
    def descriptor(self) -> Descriptor:
        """The manifest's descriptor."""
        return Descriptor(MANIFEST, of_bytes(self.manifest), len(self.manifest))


def refer(subject: Descriptor, data: bytes, artifact_type: str, title: str) -> Referrer:
    """`data`, a file called `title` of the media type `artifact_type`, as something that refers to `subject`."""
    layer = Descriptor(artifact_type, of_bytes(data), len(data), {TITLE: title})
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": Descriptor(EMPTY_TYPE, of_bytes(EMPTY), len(EMPTY)).to_json(),
        "layers": [layer.to_json()],
        "subject": subject.to_json(),
    }
    return Referrer(canonical_json(manifest), artifact_type, subject.digest, (EMPTY, data))
