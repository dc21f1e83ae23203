"""An image from one place to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch import stores
from slimtorch.image import reference as references

if TYPE_CHECKING:
    from slimtorch.host.machine import Machine


def copy(source: str, destination: str, machine: Machine) -> str:
    """The reference, with digest, of the copy; layers are compressed again only where the destination needs it."""
    target = references.parse(destination, exists=False)
    image = stores.read(references.parse(source), machine)
    if target.scheme != "dir":  # a folder has no layers to compress
        image = stores.recompress(image, stores.codec_for(target), machine.cache)
    return stores.write(image, target, machine)
