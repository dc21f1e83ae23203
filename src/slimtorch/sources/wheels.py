"""A wheel (PEP 427) → the files it brings to an image, without unpacking it.

Every file's digest is the one that RECORD promises; whoever reads the content checks it against that.
"""

from __future__ import annotations

import json
from email.parser import HeaderParser
from typing import TYPE_CHECKING

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from slimtorch.errors import ArchiveError
from slimtorch.image import digest as digests
from slimtorch.image.tree import Content, Entry, FileTree, Kind, small_file, with_parents
from slimtorch.sources import archive, record, scripts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from packaging.tags import Tag

    from slimtorch.project.lock import LockedWheel
    from slimtorch.sources.archive import Member
    from slimtorch.sources.layout import Layout
    from slimtorch.sources.record import Line

INSTALLER = b"slimtorch\n"
# The signatures cannot list themselves (PEP 427).
_UNLISTED = ("RECORD", "RECORD.jws", "RECORD.p7s")


def tree(blob: Path, wheel: LockedWheel, layout: Layout, tags: Collection[Tag] | None = None) -> FileTree:
    """The wheel's files at their places, owned by the wheel. With `tags`, the wheel has to have one of them.

    Console scripts are made, ``RECORD`` and ``INSTALLER`` written anew, bytecode that the wheel brings is left out.

    Raises:
        ArchiveError: the wheel is damaged or hostile, lies in its RECORD, or is not the one that was locked.
    """
    shown = wheel.filename
    found = {member.name: member for member in archive.members(blob, shown)}
    info = dist_info(found, wheel)
    _check_name(wheel, tags)
    _check_metadata(found, info, wheel)
    lines = record.parse(_text(found, f"{info}/RECORD", shown), shown)
    _check_complete(found, lines, info, shown)
    entries = {}
    for entry in _entries(found, lines, info, wheel, layout):
        if entry.path in entries:
            raise ArchiveError(f"{shown} brings /{entry.path} twice")
        entries[entry.path] = entry
    complete = with_parents(FileTree(entries.values()), wheel.owner)
    return record.rewritten(complete, layout)


def _entries(
    found: Mapping[str, Member], lines: Mapping[str, Line], info: str, wheel: LockedWheel, layout: Layout
) -> Iterator[Entry]:
    data = info.removesuffix(".dist-info") + ".data/"
    own = {f"{info}/{name}" for name in (*_UNLISTED, "INSTALLER", "REQUESTED", "direct_url.json")}
    for name, member in found.items():
        if name in own or "__pycache__" in name.split("/")[:-1]:
            continue
        if name.startswith(data):
            yield _from_scheme(member, lines[name], name.removeprefix(data), wheel, layout)
        else:
            yield _plain(member, lines[name], f"{layout.site_packages}/{name}", wheel.owner)
    place = f"{layout.site_packages}/{info}"
    yield small_file(f"{place}/INSTALLER", INSTALLER, wheel.owner)
    yield small_file(f"{place}/RECORD", b"", wheel.owner)
    if wheel.url.startswith(("http://", "https://")):
        yield small_file(f"{place}/direct_url.json", _direct_url(wheel), wheel.owner)
    if f"{info}/entry_points.txt" in found:
        text = _text(found, f"{info}/entry_points.txt", wheel.filename)
        yield from scripts.from_entry_points(text, layout, wheel.owner, wheel.filename)


def _plain(member: Member, line: Line, path: str, owner: str, *, executable: bool = False) -> Entry:
    digest = line.digest
    if digest is None:
        with member() as stream:
            digest, _ = digests.of_stream(stream)
    mode = 0o755 if executable or member.executable else 0o644
    return Entry(path, Kind.FILE, mode, owner, content=Content(member.size, digest, member))


def _from_scheme(member: Member, line: Line, rest: str, wheel: LockedWheel, layout: Layout) -> Entry:
    scheme, _, name = rest.partition("/")
    folder = layout.scheme(scheme, wheel.name)
    if folder is None or not name:
        raise ArchiveError(f"{wheel.filename}: {member.name} is in the scheme {scheme!r}, which does not exist")
    path = f"{folder}/{name}"
    if scheme != "scripts":
        return _plain(member, line, path, wheel.owner)
    rewritten = scripts.with_interpreter(member, path, layout, wheel.owner)
    return rewritten or _plain(member, line, path, wheel.owner, executable=True)


def dist_info(found: Iterable[str], wheel: LockedWheel) -> str:
    """The one ``.dist-info`` folder among the names of the wheel's files.

    Raises:
        ArchiveError: there is none, there are several, or it is another distribution's.
    """
    folders = {name.partition("/")[0] for name in found if "/" in name}
    infos = [folder for folder in folders if folder.endswith(".dist-info")]
    if len(infos) != 1:
        raise ArchiveError(f"{wheel.filename} has {len(infos)} .dist-info folders; a wheel has one")
    name, _, version = infos[0].removesuffix(".dist-info").partition("-")
    if canonicalize_name(name) != wheel.name or not same_version(version, wheel.version):
        raise ArchiveError(f"{wheel.filename} holds {infos[0]}, but {wheel.name}=={wheel.version} is locked")
    return infos[0]


def _check_name(wheel: LockedWheel, tags: Collection[Tag] | None) -> None:
    try:
        name, version, _, offered = parse_wheel_filename(wheel.filename)
    except InvalidWheelFilename as error:
        raise ArchiveError(str(error)) from None
    if name != wheel.name or not same_version(str(version), wheel.version):
        raise ArchiveError(f"{wheel.filename} is not {wheel.name}=={wheel.version}")
    if tags is not None and offered.isdisjoint(tags):
        raise ArchiveError(
            f"{wheel.filename} was built for another Python or platform", hint="lock again for this target"
        )


def _check_metadata(found: Mapping[str, Member], info: str, wheel: LockedWheel) -> None:
    headers = HeaderParser().parsestr(_text(found, f"{info}/METADATA", wheel.filename))
    name, version = headers.get("Name", ""), headers.get("Version", "")
    if canonicalize_name(name) != wheel.name or not same_version(version, wheel.version):
        raise ArchiveError(f"{wheel.filename} says that it is {name} {version}")
    form = HeaderParser().parsestr(_text(found, f"{info}/WHEEL", wheel.filename)).get("Wheel-Version", "")
    if form.partition(".")[0] != "1":
        raise ArchiveError(f"{wheel.filename} is of wheel format {form or 'unknown'}; format 1 is understood")


def _check_complete(found: Mapping[str, Member], lines: Mapping[str, Line], info: str, shown: str) -> None:
    unlisted = {f"{info}/{name}" for name in _UNLISTED}
    for name, member in found.items():
        if name in unlisted:
            continue
        if name not in lines:
            raise ArchiveError(f"{shown} holds {name}, which its RECORD does not list")
        if lines[name].size not in {None, member.size}:
            raise ArchiveError(f"{shown}: {name} has {member.size} bytes, but RECORD says {lines[name].size}")
    if missing := [name for name in lines if name not in found and name not in unlisted]:
        raise ArchiveError(f"{shown}: RECORD lists {missing[0]}, which is not there")


def _text(found: Mapping[str, Member], name: str, shown: str) -> str:
    member = found.get(name)
    if member is None:
        raise ArchiveError(f"{shown} has no {name}")
    if member.size > record.LIMIT:
        raise ArchiveError(f"{shown}: {name} is too large to be true ({member.size} bytes)")
    with member() as stream:
        try:
            return stream.read().decode()
        except UnicodeDecodeError:
            raise ArchiveError(f"{shown}: {name} is not UTF-8") from None


def same_version(one: str, other: str) -> bool:
    """Whether both name one version, however it is written."""
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def _direct_url(wheel: LockedWheel) -> bytes:
    """PEP 610: where a package came from that no index served."""
    archive_info = {"hash": f"sha256={wheel.sha256.hex}", "hashes": {"sha256": wheel.sha256.hex}}
    return json.dumps({"archive_info": archive_info, "url": wheel.url}, sort_keys=True).encode()
