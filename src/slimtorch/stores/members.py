"""The files in an image archive, by path."""

from __future__ import annotations

import posixpath
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from slimtorch.errors import ImageError
from slimtorch.image.slices import open_slice
from slimtorch.image.tree import Kind
from slimtorch.image.untar import Limits, read
from slimtorch.stores.layout import blob_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from slimtorch.image.layer import Descriptor

_LIMITS = Limits(entries=100_000, total=1 << 40)
_SMALL = 4 << 20


class Members:
    """Opens a tar's files in place."""

    def __init__(self, path: Path, what: str, places: Mapping[str, tuple[int, int]], links: Mapping[str, str]) -> None:
        self._path = path
        self._what = what
        self._places = places
        self._links = links

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def opener(self, name: str) -> Callable[[], BinaryIO]:
        """Opens the file called `name`, any number of times.

        Raises:
            ImageError: there is no such file.
        """
        return partial(open_slice, self._path, *self._place(name))

    def size(self, name: str) -> int:
        """Bytes of the file called `name`."""
        return self._place(name)[1]

    def small(self, name: str) -> bytes:
        """The bytes of a file of at most 4 MiB."""
        if self.size(name) > _SMALL:
            raise ImageError(f"{name} in {self._what} is larger than {_SMALL} bytes")
        with self.opener(name)() as stream:
            return stream.read()

    def open_blob(self, blob: Descriptor) -> BinaryIO:
        """The blob as stored, unchecked."""
        return self.opener(blob_path(blob.digest))()

    def _place(self, name: str) -> tuple[int, int]:
        # Old versions of docker save write a repeated layer as a link to its first place.
        place = self._places.get(self._links.get(name, name))
        if place is None:
            raise ImageError(f"{self._what} lacks the file {name!r}", hint="the archive is incomplete; get it again")
        return place


def scan(path: Path, what: str) -> Members:
    """The members of an uncompressed tar file; contents are skipped, not read.

    Raises:
        ArchiveError: the archive is cut short, damaged or hostile.
    """
    places: dict[str, tuple[int, int]] = {}
    links: dict[str, str] = {}
    with path.open("rb") as stream:
        for member in read(stream, what, limits=_LIMITS):
            if member.kind is Kind.FILE:
                places[member.path] = (member.offset, member.size)
            elif member.kind is Kind.HARDLINK:
                links[member.path] = member.link
            elif member.kind is Kind.SYMLINK:
                links[member.path] = posixpath.normpath(posixpath.join(posixpath.dirname(member.path), member.link))
    return Members(path, what, places, links)
