"""Debian binary packages (deb(5)): unpacked once into the cache, then read in place."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from slimtorch.errors import ArchiveError
from slimtorch.image import inflate, tar
from slimtorch.image.digest import BLOCK, Digest, canonical_json, of_json
from slimtorch.image.slices import open_slice
from slimtorch.image.tree import Content, Entry, FileTree, Kind
from slimtorch.sources import ar, deb822, xz
from slimtorch.sources.apt_resolve import NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from slimtorch.host.cache import Cache
    from slimtorch.project.lock import LockedDeb

MAX_DATA = 1 << 33
MAX_CONTROL = 1 << 26
MAX_TEXT = 1 << 24
LIMITS = tar.Limits(entries=500_000, total=MAX_DATA)
_KINDS = {"": "", ".gz": "gzip", ".zst": "zstd"}
_BOMB = "it looks like a decompression bomb; nothing was kept"
FORMAT = 1
"""Changes when the unpacked form in the cache does."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package as shipped: its files (nothing left out, nothing moved) and its control files by name."""

    deb: LockedDeb
    files: FileTree
    control: Mapping[str, str]

    @property
    def stanza(self) -> str:
        """The control stanza, as the package holds it."""
        return self.control["control"].strip("\n") + "\n"


def read(blob: Path, deb: LockedDeb, cache: Cache) -> Package:
    """The package in `blob`, which must be the verified bytes of `deb`; its contents are read from the cache.

    Raises:
        ArchiveError: the package is damaged or hostile, or not the one that its lock entry names.
    """
    key = of_json(["deb", FORMAT, deb.sha256])
    folder = cache.folder("deb", key, partial(_unpack, blob, deb.filename))
    record = json.loads((folder / "index.json").read_bytes())
    package = Package(deb, _load(record["files"], folder / "data.tar", deb.owner), record["control"])
    _check_identity(package)
    return package


def _unpack(blob: Path, what: str, folder: Path) -> None:
    with blob.open("rb") as stream:
        parts = {member.name: member for member in ar.members(stream, what)}
    if "debian-binary" not in parts:
        raise ArchiveError(f"{what} is not a Debian package: it has no debian-binary")
    for stem, limit in (("control.tar", MAX_CONTROL), ("data.tar", MAX_DATA)):
        member = next((part for name, part in parts.items() if name == stem or name.startswith(f"{stem}.")), None)
        if member is None:
            raise ArchiveError(f"{what} is not a Debian package: it has no {stem}")
        with open_slice(blob, member.offset, member.size) as source:
            _write(source, folder / stem, member.name.removeprefix(stem), f"{member.name} of {what}", limit)
    control = _texts(tar.index(folder / "control.tar", what, limits=LIMITS))
    if "control" not in control:
        raise ArchiveError(f"{what} has no control file")
    (folder / "control.tar").unlink()
    record = {"control": control, "files": _index(folder / "data.tar", what)}
    (folder / "index.json").write_bytes(canonical_json(record))


def _write(source: BinaryIO, path: Path, suffix: str, what: str, limit: int) -> None:
    written = 0
    with path.open("xb") as out:
        for block in _inflated(source, suffix, what, limit):
            written += out.write(block)
            if written > limit:
                raise ArchiveError(f"{what} unpacks to more than {limit} bytes", hint=_BOMB)


def _inflated(source: BinaryIO, suffix: str, what: str, limit: int) -> Iterator[bytes]:
    if suffix == ".xz":
        return xz.blocks(source, what)
    if suffix not in _KINDS:
        raise ArchiveError(f"{what} is compressed in a way that slimtorch does not know ({suffix})")
    stream = inflate.decompressor(source, _KINDS[suffix], what, limit=limit)
    return iter(lambda: stream.read(BLOCK), b"")


def _texts(tree: FileTree) -> dict[str, str]:
    found = {}
    for entry in tree.entries():
        if entry.content and entry.size <= MAX_TEXT:
            with entry.content.open() as stream:
                found[entry.path] = stream.read().decode(errors="replace")
    return found


def _index(path: Path, what: str) -> list[list[Any]]:
    """The tar's entries with the places of their contents, so that it has to be read and hashed only once."""
    tree = tar.index(path, what, limits=LIMITS)
    with path.open("rb") as stream:
        offsets = {member.path: member.offset for member in tar.read(stream, what, limits=LIMITS)}
    return [
        [
            entry.path,
            entry.kind.value,
            entry.mode,
            entry.uid,
            entry.gid,
            entry.link,
            entry.size,
            entry.content.digest if entry.content else "",
            offsets[entry.path],
        ]
        for entry in tree.entries()
    ]


def _load(rows: list[list[Any]], data: Path, owner: str) -> FileTree:
    return FileTree(
        Entry(
            path,
            Kind(kind),
            mode,
            owner,
            uid,
            gid,
            link,
            Content(size, Digest(digest), partial(open_slice, data, offset, size)) if digest else None,
        )
        for path, kind, mode, uid, gid, link, size, digest, offset in rows
    )


def _check_identity(package: Package) -> None:
    deb = package.deb
    fields = next(deb822.stanzas(package.stanza), {})
    found = tuple(fields.get(name, "") for name in ("package", "version", "architecture"))
    # The name becomes part of a path, so it has to be one by Debian Policy, whatever lock and package agree on.
    if found != (deb.name, deb.version, deb.architecture) or not NAME.fullmatch(deb.name):
        raise ArchiveError(
            f"{deb.filename} holds {' '.join(found)}, not {deb.name} {deb.version} {deb.architecture}",
            hint="lock again: slimtorch lock --upgrade-os",
        )
