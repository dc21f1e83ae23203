"""An image from one place to another."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from slimtorch import stores
from slimtorch.image import reference as references

if TYPE_CHECKING:
    from slimtorch.host.machine import Machine
    from slimtorch.image.model import Image
    from slimtorch.image.reference import Reference


def copy(source: str, destination: str, machine: Machine) -> str:
    """The reference, with digest, of the copy; layers are compressed again only where the destination needs it."""
    origin = references.parse(source)
    image = stores.read(origin, machine)
    target = aimed(destination, origin, image)
    if target.scheme != "dir":  # a folder has no layers to compress
        image = stores.recompress(image, stores.codec_for(target), machine.cache)
    return stores.write(image, target, machine, name=full_name(image, origin, target))


def aimed(destination: str, origin: Reference, image: Image) -> Reference:
    """Where a copy of the image goes, with the tag that it has where `destination` names none.

    Raises:
        UsageError: `destination` is no reference.
    """
    target = references.parse(destination, exists=False)
    tag = origin.tag or _tag_of(image)
    if target.scheme == "oci" and not target.tag:
        return replace(target, tag=tag)
    if target.scheme in {"docker", "podman"} and ":" not in target.location.rpartition("/")[2]:
        return replace(target, location=f"{target.location}:{tag}")
    return target


def full_name(image: Image, origin: Reference, target: Reference) -> str:
    """What an archive calls the copy inside."""
    return f"{_title(image)}:{target.tag or origin.tag or _tag_of(image)}"


def _tag_of(image: Image) -> str:
    """A tag for an image whose source has none: its version, or else the start of its digest; never ``latest``."""
    version = re.sub(r"[^A-Za-z0-9_.-]", "-", _label(image, "org.opencontainers.image.version")).lstrip(".-")
    return f"v{version}" if version else image.digest.hex[:12]


def _title(image: Image) -> str:
    title = re.sub(r"[^a-z0-9]+", "-", _label(image, "org.opencontainers.image.title").lower()).strip("-")
    return title or "image"


def _label(image: Image, name: str) -> str:
    return str(image.annotations.get(name, ""))
