"""``archive:FILE``: one tar that is an OCI layout and a docker archive at once.

Both readings share ``blobs/sha256/*``: ``index.json`` speaks to skopeo, podman, umoci and containerd, ``manifest.json``
(docker's image specification, v1.2) to ``docker load``. Read are also plain ``docker save`` archives, old and new, and
compressed ones.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from slimtorch.errors import ImageError, MachineError
from slimtorch.image import tar
from slimtorch.image.digest import canonical_json, of_bytes
from slimtorch.image.inflate import decompressor, limit_for, sniff
from slimtorch.image.tree import Content, Entry, FileTree, Kind, directory
from slimtorch.stores import docker_archive, index
from slimtorch.stores.cached import keep
from slimtorch.stores.files import explained, pour, whole
from slimtorch.stores.layout import MARKER, blob_path, entry, index_json
from slimtorch.stores.members import Members, scan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slimtorch.host.cache import Cache
    from slimtorch.image.model import Image

_OWNER = "slimtorch"
_CONTAINERD_NAME = "io.containerd.image.name"


# -- writing -----------------------------------------------------------------------------------------------------


def write(image: Image, path: Path, name: str = "") -> None:
    """Writes the archive as a whole or not at all; `name` is what loaders call the image ('' for no name).

    Equal images and names give equal bytes. Docker before 23 cannot load zstd layers.

    Raises:
        MachineError: the system does not let us write there, or something else than an archive stands there.
    """
    with explained(f"archive:{path}"):
        _refuse_others(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as out:
            stream(image, out, name)


def _refuse_others(path: Path) -> None:
    """An image may take an older image's place, never that of the user's own file."""
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as stream:
            head = stream.read(512)
        if head[257:262] != b"ustar" and not sniff(head):
            raise MachineError(f"archive:{path} would replace a file that is no archive", hint="choose another name")


def stream(image: Image, out: tar.Writable, name: str = "") -> None:
    """The archive's bytes, as they come."""
    # The blobs were verified when they entered the cache, or verify themselves while they are read here.
    tar.write(_tree(image, name), out, verify=False)


def _tree(image: Image, name: str) -> FileTree:
    # docker refuses a name without a tag.
    full = name if not name or ":" in name.rpartition("/")[2] else f"{name}:latest"
    names = {index.REF_NAME: full, _CONTAINERD_NAME: full} if full else {}
    blobs = {layer.blob.digest: Content(layer.blob.size, layer.blob.digest, layer.open) for layer in image.layers}
    manifest = {
        "Config": blob_path(image.config_descriptor.digest),
        "RepoTags": [full] if full else [],
        "Layers": [blob_path(layer.blob.digest) for layer in image.layers],
    }
    files = {
        "oci-layout": _bytes(MARKER),
        "index.json": _bytes(index_json([entry(image, names)])),
        "manifest.json": _bytes(canonical_json([manifest])),
        blob_path(image.digest): _bytes(image.manifest),
        blob_path(image.config_descriptor.digest): _bytes(image.config),
        **{blob_path(digest): content for digest, content in blobs.items()},
    }
    folders = [directory(path, _OWNER) for path in ("blobs", "blobs/sha256")]
    entries = [Entry(path, Kind.FILE, 0o644, _OWNER, content=content) for path, content in files.items()]
    return FileTree([*folders, *entries])


def _bytes(data: bytes) -> Content:
    return Content(len(data), of_bytes(data), partial(io.BytesIO, data))


# -- reading -----------------------------------------------------------------------------------------------------


def read(path: Path, cache: Cache, name: str = "", *, platform: str = "") -> Image:
    """The image in an archive; `name` chooses among several.

    An uncompressed archive is read in place, and must stay; of a compressed one the layers are kept in the cache.

    Raises:
        ArchiveError: the archive is cut short, damaged or hostile.
        ImageError: it holds no such image, or the image is incomplete.
        VerificationError: its manifest or configuration is not what the index promises.
    """
    what = f"archive:{path}"
    with explained(what):
        if not path.is_file():
            raise ImageError(f"{path} is not there, or is not a file", hint="an archive is one file")
        with path.open("rb") as head:
            compression = sniff(head.read(4))
        if not compression:
            return _read(path, what, name, platform)
        with _inflated(path, compression, cache) as plain:
            return keep(_read(plain, what, name, platform), cache)


@contextmanager
def _inflated(path: Path, compression: str, cache: Cache) -> Iterator[Path]:
    limit = limit_for(path.stat().st_size)
    with cache.scratch() as folder:
        plain = folder / "archive.tar"
        with plain.open("xb") as out, decompressor(path.open("rb"), compression, str(path), limit=limit) as source:
            pour(source, out)
        yield plain


def _read(path: Path, what: str, name: str, platform: str) -> Image:
    members = scan(path, what)
    if "index.json" in members and "oci-layout" in members:
        found = index.choose(_index(members, what), members.open_blob, what, name=name, platform=platform)
        return index.image(found, members.open_blob, what)
    if "manifest.json" in members:
        return docker_archive.image(members, what, name)
    raise ImageError(
        f"{path} holds no image: neither index.json nor manifest.json",
        hint="a root file system in a tar is no image; unpack it and use dir:PATH",
    )


def _index(members: Members, what: str) -> dict[str, Any]:
    return index.decode(members.small("index.json"), f"the index of {what}")
