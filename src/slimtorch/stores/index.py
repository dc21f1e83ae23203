"""Manifests and indexes of the OCI image-spec (and docker's older twins), read from bytes that nobody checked yet."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from slimtorch.errors import ImageError
from slimtorch.image import digest as digests
from slimtorch.image.blob import small, verified
from slimtorch.image.layer import Descriptor, Layer
from slimtorch.image.model import DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST, Image

if TYPE_CHECKING:
    from collections.abc import Iterator

REF_NAME = "org.opencontainers.image.ref.name"
PLATFORM = "linux/amd64"
_INDEXES = frozenset((INDEX, DOCKER_LIST))
_MANIFESTS = frozenset((MANIFEST, DOCKER_MANIFEST))
_MAX_DEPTH = 4
_MAX_LAYERS = 1000


class OpenBlob(Protocol):
    """Opens a blob of the store, unchecked."""

    def __call__(self, blob: Descriptor) -> BinaryIO:
        """The stored bytes; raises ImageError where the blob is missing."""
        ...


def decode(data: bytes, what: str) -> dict[str, Any]:
    """The JSON object in `data`.

    Raises:
        ImageError: it is none.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ImageError(f"{what} is not a JSON object", hint="the image is damaged; copy or build it again")
    return value


def descriptor(record: object, what: str) -> Descriptor:
    """The descriptor (image-spec, descriptor.md) that `record` writes.

    Raises:
        ImageError: it is none.
    """
    if not isinstance(record, dict):
        raise ImageError(f"{what} holds a descriptor that is not an object")
    kind, digest, size = record.get("mediaType"), record.get("digest"), record.get("size")
    if not isinstance(kind, str) or not isinstance(digest, str) or type(size) is not int or size < 0:
        raise ImageError(f"{what} holds a descriptor without media type, digest or size")
    annotations = record.get("annotations") or {}
    if not isinstance(annotations, dict) or not all(isinstance(value, str) for value in annotations.values()):
        raise ImageError(f"{what} holds annotations that are not text")
    return Descriptor(kind, digests.Digest(digest), size, annotations)


def image(found: Descriptor, open_blob: OpenBlob, what: str) -> Image:
    """The image whose manifest is `found`; its small blobs are verified now, its layers while they are read.

    Raises:
        ImageError: manifest and configuration are incomplete or do not agree.
        VerificationError: a small blob is not the promised one.
    """
    if found.media_type not in _MANIFESTS:
        raise ImageError(f"{what} is no image but {found.media_type!r}")
    manifest = small(partial(open_blob, found), found, f"the manifest of {what}")
    decoded = decode(manifest, f"the manifest of {what}")
    blob = descriptor(decoded.get("config"), f"the manifest of {what}")
    config = small(partial(open_blob, blob), blob, f"the configuration of {what}")
    unpacked = diff_ids(decode(config, f"the configuration of {what}"), what)
    records = decoded.get("layers")
    if not isinstance(records, list) or len(records) != len(unpacked):
        raise ImageError(f"{what}: the manifest's layers and the configuration's diff_ids do not agree")
    blobs = [descriptor(record, f"the manifest of {what}") for record in records]
    layers = [
        Layer(diff_id, blob, partial(_open_layer, open_blob, blob, what))
        for diff_id, blob in zip(unpacked, blobs, strict=True)
    ]
    return Image(manifest, config, tuple(layers), found.media_type)


def diff_ids(config: dict[str, Any], what: str) -> list[digests.Digest]:
    """The digests of the uncompressed layers, as an image configuration lists them.

    Raises:
        ImageError: it lists none.
    """
    rootfs = config.get("rootfs")
    found = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(found, list) or len(found) > _MAX_LAYERS or not all(isinstance(item, str) for item in found):
        raise ImageError(f"the configuration of {what} lists no diff_ids")
    return [digests.Digest(item) for item in found]


def _open_layer(open_blob: OpenBlob, blob: Descriptor, what: str) -> BinaryIO:
    return verified(open_blob(blob), blob, f"layer {blob.digest} of {what}")


# -- choosing ----------------------------------------------------------------------------------------------------


def choose(index: dict[str, Any], open_blob: OpenBlob, what: str, *, name: str = "", platform: str = "") -> Descriptor:
    """The one manifest that `index` offers under `name` for `platform` (``os/architecture``, linux/amd64 if empty).

    `name` is a tag or a full image name; it may be empty where the index names one image only. A single manifest needs
    no platform.

    Raises:
        ImageError: there is none, or more than one.
    """
    listed = [record for record in _records(index, what) if not artifact_type(record)]
    records = [record for record in listed if not name or _called(record, name)]
    names = sorted({ref for record in _records(index, what) if (ref := ref_name(record))})
    if not records:
        known = f"it holds {', '.join(names)}" if names else "it holds no named image"
        raise ImageError(f"{what} holds no image {name!r}" if name else f"{what} holds no image", hint=known)
    expanded = [found for record in records for found in _expanded(record, open_blob, what, _MAX_DEPTH)]
    found = _of_platform(expanded, platform, what)
    if len({item.digest for item in found}) > 1:
        raise ImageError(
            f"{what} holds several images", hint=f"name one of them: {', '.join(names) or 'none has a tag'}"
        )
    return found[0]


def _records(index: dict[str, Any], what: str) -> list[dict[str, Any]]:
    records = index.get("manifests")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ImageError(f"the index of {what} lists no manifests")
    return records


def ref_name(record: object) -> str:
    """The name that an index gives to a record ('' for none)."""
    return annotation(record, REF_NAME)


def annotation(record: object, key: str) -> str:
    """An annotation of an index's record ('' for none)."""
    annotations = record.get("annotations") if isinstance(record, dict) else None
    found = annotations.get(key) if isinstance(annotations, dict) else None
    return found if isinstance(found, str) else ""


def artifact_type(record: object) -> str:
    """What a record that is no image is ('' for an image): a signature, a list of contents, a ledger."""
    found = record.get("artifactType") if isinstance(record, dict) else None
    return found if isinstance(found, str) else ""


def _called(record: dict[str, Any], name: str) -> bool:
    """Whether the record has this tag, full name or digest."""
    found = ref_name(record)
    return name in {found, found.rpartition(":")[2], record.get("digest")}


def _expanded(record: dict[str, Any], open_blob: OpenBlob, what: str, depth: int) -> Iterator[tuple[Descriptor, str]]:
    """The manifests below one record, each with its platform ('' where none is said)."""
    found = descriptor(record, f"the index of {what}")
    if found.media_type not in _INDEXES:
        yield found, _platform(record)
        return
    if not depth:
        raise ImageError(f"the index of {what} is nested too deeply")
    nested = decode(small(partial(open_blob, found), found, f"an index of {what}"), f"an index of {what}")
    for child in _records(nested, what):
        yield from _expanded(child, open_blob, what, depth - 1)


def _platform(record: dict[str, Any]) -> str:
    platform = record.get("platform")
    if not isinstance(platform, dict):
        return ""
    return f"{platform.get('os')}/{platform.get('architecture')}"


def _of_platform(found: list[tuple[Descriptor, str]], platform: str, what: str) -> list[Descriptor]:
    # Build attestations stand among the manifests under the platform unknown/unknown.
    real = [(item, said) for item, said in found if said != "unknown/unknown"]
    if not platform and len({item.digest for item, _ in real}) == 1:
        return [real[0][0]]
    wanted = platform or PLATFORM
    chosen = [item for item, said in real if said == wanted or not said]
    if not chosen:
        offered = ", ".join(sorted({said for _, said in real})) or "none"
        raise ImageError(f"{what} holds no image for {wanted}", hint=f"it offers: {offered}")
    return chosen
