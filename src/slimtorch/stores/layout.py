"""``oci:DIR[:TAG]``: an OCI image layout (image-spec, image-layout.md)."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from slimtorch.errors import ImageError, MachineError
from slimtorch.image.blob import small
from slimtorch.image.digest import of_bytes
from slimtorch.image.model import INDEX
from slimtorch.stores import index
from slimtorch.stores.files import copy, explained, sweep, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from slimtorch.image.digest import Digest
    from slimtorch.image.layer import Descriptor
    from slimtorch.image.model import Image
    from slimtorch.image.referrer import Referrer

MARKER = b'{"imageLayoutVersion":"1.0.0"}'
_MAX_INDEX = 4 << 20
_MAX_FILE = 64 << 20
_SUBJECT = "io.slimtorch.subject"
"""Annotation of an index's record that says which image it refers to, so that its manifest need not be opened."""


def read(path: Path, tag: str = "", *, platform: str = "") -> Image:
    """The image called `tag` (a tag or a manifest's digest; may be empty where there is only one).

    Layers prove their digest and size while they are read. `platform` is ``os/architecture``, by default linux/amd64.

    Raises:
        ImageError: there is no layout or no such image, or it is incomplete.
        VerificationError: its manifest or configuration is not what the index promises.
    """
    what = f"oci:{path}"
    with explained(what):
        if not (path / "oci-layout").is_file():
            raise ImageError(f"{path} is not an OCI layout", hint="it has no file oci-layout; is the path right?")
        open_blob = partial(_open, path, what)
        found = index.choose(_index(path, what), open_blob, what, name=tag, platform=platform)
        return index.image(found, open_blob, f"{what}:{tag}" if tag else what)


def write(image: Image, path: Path, tag: str = "") -> None:
    """Puts the image into the layout under `tag`; what has that tag loses it, everything else stays.

    Blobs that are there already are left alone, so that an unchanged image costs next to nothing. A killed writer
    leaves the layout as it was, but for files that nothing names.

    Raises:
        ImageError: the folder holds something that is not a layout.
        MachineError: the system does not let us write there.
    """
    with explained(f"oci:{path}"):
        _prepare(path)
        for layer in image.layers:
            _put(path, layer.blob.digest, layer.blob.size, layer.open)
        _put_bytes(path, image.config_descriptor.digest, image.config)
        _put_bytes(path, image.digest, image.manifest)
        with _locked(path):
            _enter(path, entry(image, {index.REF_NAME: tag} if tag else {}), tag)


def attach(referrer: Referrer, path: Path) -> None:
    """Puts a file that refers to an image of the layout beside it; it goes when nothing names that image any more.

    Raises:
        MachineError: the system does not let us write there.
    """
    with explained(f"oci:{path}"):
        for data in (*referrer.blobs, referrer.manifest):
            _put_bytes(path, of_bytes(data), data)
        record = {
            **referrer.descriptor.to_json(),
            "artifactType": referrer.artifact_type,
            "annotations": {_SUBJECT: str(referrer.subject)},
        }
        with _locked(path):
            current = _index(path, f"oci:{path}")
            records = list(current.get("manifests") or [])
            _save(path, current, records if record in records else [*records, record])


def attached(path: Path, subject: Digest, artifact_type: str) -> bytes | None:
    """The last file of a type that `attach` put beside an image; None where there is none.

    Raises:
        ImageError: the layout is incomplete.
        VerificationError: a blob is not what it was.
    """
    what = f"oci:{path}"
    with explained(what):
        records = _index(path, what).get("manifests")
        for record in reversed(records if isinstance(records, list) else []):
            if index.artifact_type(record) == artifact_type and index.annotation(record, _SUBJECT) == subject:
                found = index.descriptor(record, what)
                manifest = index.decode(small(partial(_open, path, what, found), found, what), what)
                layers = manifest.get("layers")
                blob = index.descriptor(layers[0] if isinstance(layers, list) and layers else None, what)
                return small(partial(_open, path, what, blob), blob, f"the {artifact_type} of {what}", limit=_MAX_FILE)
    return None


def entry(image: Image, annotations: dict[str, str]) -> dict[str, Any]:
    """The image's line in an index."""
    record = {**image.descriptor.to_json(), "platform": _platform(image)}
    if annotations:
        record["annotations"] = annotations
    return record


def index_json(records: list[dict[str, Any]]) -> bytes:
    """A whole ``index.json``; equal records give equal bytes."""
    value = {"schemaVersion": 2, "mediaType": INDEX, "manifests": records}
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def blob_path(digest: Digest) -> str:
    """Where a blob stands in a layout."""
    return f"blobs/sha256/{digest.hex}"


def _platform(image: Image) -> dict[str, str]:
    settings = image.settings
    keys = ("architecture", "os", "variant")
    return {key: settings[key] for key in keys if isinstance(settings.get(key), str)}


def _index(path: Path, what: str) -> dict[str, Any]:
    try:
        with (path / "index.json").open("rb") as stream:
            data = stream.read(_MAX_INDEX + 1)
    except FileNotFoundError:
        raise ImageError(f"{what} has no index.json") from None
    if len(data) > _MAX_INDEX:
        raise ImageError(f"the index of {what} is larger than {_MAX_INDEX} bytes")
    return index.decode(data, f"the index of {what}")


def _open(path: Path, what: str, blob: Descriptor) -> BinaryIO:
    try:
        return (path / blob_path(blob.digest)).open("rb")
    except FileNotFoundError:
        raise ImageError(f"{what} lacks the blob {blob.digest}", hint="the copy is incomplete; copy it again") from None


def _prepare(path: Path) -> None:
    marker = path / "oci-layout"
    if marker.is_file():
        sweep(path)
        return
    path.mkdir(parents=True, exist_ok=True)
    # Looked at under the lock: another writer may be making the very same layout.
    with _locked(path):
        if marker.is_file():
            return
        # A writer that was killed here before may have left these.
        ours = {"blobs", "index.json"}
        if any(not name.name.endswith(".tmp") and name.name not in ours for name in path.iterdir()):
            raise MachineError(f"{path} is not empty and not an OCI layout", hint="give a new folder, or an OCI layout")
        (path / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        if not (path / "index.json").is_file():
            with whole(path / "index.json") as stream:
                stream.write(index_json([]))
        with whole(marker) as stream:
            stream.write(MARKER)


def _put(path: Path, digest: Digest, size: int, opener: Callable[[], BinaryIO]) -> None:
    target = path / blob_path(digest)
    if _has(target, size):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole(target, folder=path) as out, opener() as source:
        copy(source, out)
    if not _has(target, size):
        target.unlink(missing_ok=True)
        raise ImageError(f"the blob {digest} does not have the {size} bytes that the image promises")


def _put_bytes(path: Path, digest: Digest, data: bytes) -> None:
    target = path / blob_path(digest)
    if not _has(target, len(data)):
        with whole(target, folder=path) as out:
            out.write(data)


def _has(target: Path, size: int) -> bool:
    try:
        return target.stat().st_size == size
    except FileNotFoundError:
        return False


def _enter(path: Path, record: dict[str, Any], tag: str) -> None:
    """Replaces the record with this tag, in its place, or adds it."""
    current = _index(path, f"oci:{path}")
    records = list(current.get("manifests") or [])
    same = [number for number, known in enumerate(records) if _named(known, tag)]
    position = same[0] if same else len(records)
    kept = [known for number, known in enumerate(records) if number not in same]
    kept.insert(min(position, len(kept)), record)
    digests = {known.get("digest") for known in kept}
    _save(path, current, [known for known in kept if index.annotation(known, _SUBJECT) in {"", *digests}])


def _named(record: object, tag: str) -> bool:
    """Whether the record is an image of this name; what refers to an image has none, and is not an unnamed image."""
    return index.ref_name(record) == tag and not index.artifact_type(record)


def _save(path: Path, current: dict[str, Any], records: list[dict[str, Any]]) -> None:
    if records == current.get("manifests"):
        return
    with whole(path / "index.json") as stream:
        stream.write(json.dumps({**current, "manifests": records}, sort_keys=True, separators=(",", ":")).encode())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One writer of the index at a time. The folder itself is the lock, so that no file of ours stays in it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
