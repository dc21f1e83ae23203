"""Where images live: one file a medium, each with the same pair, `read` and `write`. A new medium is a line below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from slimtorch.errors import ImageError, MachineError
from slimtorch.image.codec import GZIP, NONE, ZSTD, Codec, media_codec
from slimtorch.stores import archive, daemon, directory, layout
from slimtorch.stores.cached import recompress

if TYPE_CHECKING:
    from slimtorch.host.cache import Cache
    from slimtorch.host.process import Run
    from slimtorch.image.model import Image
    from slimtorch.image.reference import Reference

__all__ = ["Means", "codec_for", "read", "recompress", "write"]

_CODECS = {"oci": ZSTD, "archive": GZIP, "docker": GZIP, "podman": GZIP, "dir": NONE}
# What is read from these is verified against the digest that a reference insists on; engines keep no manifest.
_KEEP_MANIFESTS = frozenset(("oci", "archive"))


class Means(Protocol):
    """What the stores need of the machine (`host.machine.Machine` has it)."""

    @property
    def cache(self) -> Cache:
        """Where layers are kept."""
        ...

    @property
    def run(self) -> Run:
        """Runs an engine's command."""
        ...


def codec_for(reference: Reference) -> Codec:
    """What the medium's readers understand: gzip for docker's formats, zstd for OCI layouts, none for folders."""
    return _CODECS[reference.scheme]


def read(reference: Reference, machine: Means, *, platform: str = "", name: str = "") -> Image:
    """The image at `reference`, for `platform` (``os/architecture``, by default linux/amd64).

    `name` chooses among the images of one archive.

    Raises:
        ImageError: there is no such image, it is incomplete, or it is not the one that the reference insists on.
        ArchiveError: an archive is cut short, damaged or hostile.
        VerificationError: bytes are not the promised ones.
        MachineError: an engine is missing.
    """
    image = _read(reference, machine, platform, name)
    if reference.digest and reference.scheme in _KEEP_MANIFESTS and reference.digest != image.digest:
        raise ImageError(
            f"{reference.scheme}:{reference.location} holds {image.digest}, not {reference.digest}",
            hint="it was built again since; leave the digest out to take what is there",
        )
    return image


def _read(reference: Reference, machine: Means, platform: str, name: str) -> Image:
    scheme = reference.scheme
    if scheme == "oci":
        return layout.read(reference.path, reference.tag or reference.digest, platform=platform)
    if scheme == "archive":
        return archive.read(reference.path, machine.cache, name, platform=platform)
    if scheme == "dir":
        return directory.read(reference.path, machine.cache)
    return daemon.read(scheme, reference.location, machine.run, machine.cache)


def write(image: Image, reference: Reference, machine: Means, *, name: str = "") -> str:
    """Puts the image at `reference`; gives the reference with the digest of what is there now.

    `name` is what an ``archive:`` calls the image inside. Layers that the medium's readers would not understand are
    compressed again, which changes the digest.

    Raises:
        MachineError: the system does not let us write there, or an engine is missing.
        ToolError: an engine refused the image.
    """
    if reference.digest:
        raise MachineError(f"{reference} names a digest; only what is there already has one", hint="leave it out")
    scheme = reference.scheme
    if _CODECS[scheme] is GZIP and any(media_codec(layer.blob.media_type) == "zstd" for layer in image.layers):
        image = recompress(image, GZIP, machine.cache)
    if scheme == "oci":
        layout.write(image, reference.path, reference.tag)
    elif scheme == "archive":
        archive.write(image, reference.path, name)
    elif scheme == "dir":
        directory.write(image, reference.path)
        return str(reference)
    else:
        daemon.write(image, scheme, reference.location, machine.run)
    return f"{reference}@{image.digest}"
