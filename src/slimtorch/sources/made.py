"""Recognises images that were written into a project's folder: what a build made must not go into the next image."""

from __future__ import annotations

import json
import tarfile
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MEMBERS = 500
"""Members of a tar looked at; an image has about three for each of its at most 127 layers."""
_LARGEST = 1 << 20
"""Bytes of a list of an archive; larger ones belong to something else."""
_OUR_FOLDER = "usr/lib/slimtorch"


def is_made(path: Path) -> bool:
    """Whether a tool made it: an OCI layout, an image's root file system, an archive of images, a virtual environment.

    What cannot be read is none: whoever reads it in earnest names the problem.
    """
    try:
        if path.is_dir():
            markers = ("oci-layout", "pyvenv.cfg")  # image-spec, image-layout.md; PEP 405
            return any((path / name).is_file() for name in markers) or (path / _OUR_FOLDER).is_dir()
        return path.is_file() and _is_tar(path) and _is_archive(path)
    except (OSError, ValueError):  # ValueError: a name that is no path
        return False


def _is_tar(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(262)[257:] == b"ustar"


def _is_archive(path: Path) -> bool:
    """Whether the tar holds the list that ``docker save`` writes, or the marker of an OCI layout."""
    try:
        with tarfile.open(path, "r:") as archive:
            for member in islice(archive, MEMBERS):
                name = member.name.removeprefix("./")
                if name in {"manifest.json", "oci-layout"} and member.isreg() and member.size <= _LARGEST:
                    stream = archive.extractfile(member)
                    if stream and _lists_images(stream.read()):
                        return True
    except (tarfile.TarError, EOFError, OverflowError):
        pass
    return False


def _lists_images(data: bytes) -> bool:
    """Many things have a manifest.json; only an image's has configurations and layers."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return False
    if isinstance(value, dict):
        return "imageLayoutVersion" in value
    return isinstance(value, list) and any(isinstance(one, dict) and {"Config", "Layers"} <= set(one) for one in value)
