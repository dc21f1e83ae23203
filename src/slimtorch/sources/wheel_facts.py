"""What a wheel brings (PEP 427), from its directory and two of its small files; nothing is unpacked."""

from __future__ import annotations

import configparser
from email.parser import HeaderParser
from typing import IO, TYPE_CHECKING, cast

from packaging.utils import canonicalize_name

from slimtorch.errors import ArchiveError
from slimtorch.inventory import modules
from slimtorch.inventory.distributions import Distribution, EntryPoint
from slimtorch.sources import archive
from slimtorch.sources.remote_archive import RemoteFile
from slimtorch.sources.wheels import dist_info, same_version

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from zipfile import ZipFile, ZipInfo

    from slimtorch.project.lock import LockedWheel

LIMIT = 10_000_000
"""Bytes of METADATA or entry_points.txt that are read at most."""
LINES = 10_000
"""Requirements, extras or entry points of one wheel that are taken for true."""
_HEADER = 30 + (1 << 9)
"""Bytes of a member's header, its name left out: the fixed part and room for extra fields (APPNOTE 4.3.7)."""


def of_wheel(place: Path | RemoteFile, wheel: LockedWheel) -> Distribution:
    """What the wheel brings; read from a file of this machine, or in parts from a server.

    Raises:
        ArchiveError: the wheel is damaged or hostile, or is not the one that was locked.
        FetchError, VerificationError: as `RemoteFile.read`.
    """
    shown = wheel.filename
    with archive.opened(cast("Path | IO[bytes]", place), shown) as zipped:
        length = wheel.size if isinstance(place, RemoteFile) else place.stat().st_size
        found = {info.filename: info for info in archive.directory(zipped, length, shown)}
        folder = dist_info(found, wheel)
        wanted = {name: found.get(f"{folder}/{name}") for name in ("METADATA", "entry_points.txt")}
        if isinstance(place, RemoteFile):
            _prefetch(place, [info for info in wanted.values() if info])
        metadata, points = (_text(zipped, wanted[name], shown) for name in wanted)
    return _distribution(wheel, found.values(), metadata, points)


def _prefetch(place: RemoteFile, infos: Iterable[ZipInfo]) -> None:
    """The last first, so that what stands near the directory is joined to it."""
    for info in sorted(infos, key=lambda info: -info.header_offset):
        if info.compress_size <= LIMIT:
            end = info.header_offset + _HEADER + len(info.filename) + info.compress_size
            place.prefetch(info.header_offset, end)


def _text(zipped: ZipFile, info: ZipInfo | None, shown: str) -> str:
    if info is None:
        return ""
    if max(info.file_size, info.compress_size) > LIMIT:
        raise ArchiveError(f"{shown}: {info.filename} is too large to be true ({info.file_size} bytes)")
    with zipped.open(info) as stream:
        data = stream.read(LIMIT + 1)
    if len(data) != info.file_size:
        raise ArchiveError(f"{shown}: {info.filename} has another size than its directory says")
    # Old wheels hold Latin-1 in a description; what is read here is ASCII.
    return data.decode(errors="replace")


def _distribution(wheel: LockedWheel, files: Iterable[ZipInfo], metadata: str, points: str) -> Distribution:
    headers = HeaderParser().parsestr(metadata)
    name, version = headers.get("Name", ""), headers.get("Version", "")
    if canonicalize_name(name) != wheel.name or not same_version(version, wheel.version):
        raise ArchiveError(f"{wheel.filename} says that it is {name} {version}")
    infos = tuple(files)
    brought = modules.of_files(info.filename for info in infos)
    return Distribution(
        name=wheel.name,
        version=wheel.version,
        modules=brought.names,
        requires=tuple(" ".join(line.split()) for line in headers.get_all("Requires-Dist", []))[:LINES],
        extras=tuple(sorted({canonicalize_name(extra) for extra in headers.get_all("Provides-Extra", [])}))[:LINES],
        entry_points=_entry_points(points, wheel.filename),
        packed=wheel.size,
        unpacked=sum(info.file_size for info in infos),
        namespaces=brought.namespaces,
    )


def _entry_points(text: str, shown: str) -> tuple[EntryPoint, ...]:
    """The lines of ``entry_points.txt`` (entry-points specification), sorted."""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False, default_section="\0")
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ArchiveError(f"{shown}: its entry_points.txt cannot be understood: {error}") from None
    found = [(group, name, value) for group in parser.sections() for name, value in parser.items(group)]
    return tuple(EntryPoint(*row) for row in sorted(found)[:LINES])
