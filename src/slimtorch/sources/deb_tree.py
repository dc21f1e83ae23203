"""Packages as shipped to the operating system's tree: merged /usr, without documentation, with scripts replayed."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from slimtorch import tables
from slimtorch.errors import ArchiveError
from slimtorch.image.tree import Entry, FileTree, Kind, merge, small_file, symlink
from slimtorch.sources import debs, maintainer_scripts
from slimtorch.sources.apt_resolve import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from slimtorch.host.cache import Cache
    from slimtorch.project.lock import LockedDeb
    from slimtorch.sources.maintainer_scripts import Replay

GENERATED = "slimtorch"
MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libo32", "libx32")
STATUS = "var/lib/dpkg/status.d"
_DYNLOAD = re.compile(r"usr/lib/python3\.\d+/lib-dynload/([A-Za-z0-9_]+)\.[^/]*\.so")


def assemble(locked: Sequence[LockedDeb], blobs: Mapping[str, Path], cache: Cache) -> FileTree:
    """Everything that the packages bring: their files, what their scripts would have made, and their dpkg status.

    Files are owned by their deb; what is made in the place of scripts, by ``slimtorch``. `blobs` holds the verified
    bytes by package name.

    Raises:
        ArchiveError: a package is damaged or hostile, has a script that is not known, or two bring different files.
    """
    packages = [debs.read(blobs[deb.name], deb, cache) for deb in locked]
    replays = [maintainer_scripts.replay_of(package.deb.name, package.control) for package in packages]
    without = unserved_modules({deb.name for deb in locked})
    shipped = merge(*(tree(package, without) for package in packages))
    replayed = replay(shipped, replays)
    return merge(replayed, *(status(package, shipped) for package in packages))


def tree(package: debs.Package, without: frozenset[str] = frozenset()) -> FileTree:
    """The package's files in the places that they have on a merged system, less what the table leaves out.

    `without` names Python extension modules to leave out. Hard links become files of their own, and set-user-id bits
    are cleared: an image's service runs with no new privileges, so that they could only help an intruder.
    """
    found: dict[str, Entry] = {}
    for entry in package.files.entries():
        moved = _moved(package, entry)
        if not moved or _is_left_out(moved, without):
            continue
        known = found.setdefault(moved.path, moved)
        if not (known.same_thing(moved) or known.kind is moved.kind is Kind.DIRECTORY):
            raise ArchiveError(f"{package.deb.owner} ships /{moved.path} twice, and they differ")
    return FileTree(_without_empty_rests(found))


def unserved_modules(names: Iterable[str]) -> frozenset[str]:
    """Python's extension modules whose libraries are not among the packages `names`."""
    present = {plain(name) for name in names}
    table = tables.load("python_modules")["packages"]
    return frozenset(module for name, row in table.items() if name not in present for module in row["modules"])


def merged_path(path: str) -> str:
    """Where `path` is once /bin, /sbin and /lib* are links into /usr."""
    first = path.partition("/")[0]
    return f"usr/{path}" if first in MERGED else path


def replay(shipped: FileTree, replays: Sequence[Replay]) -> FileTree:
    """The tree with what the scripts would have made; nothing that a package ships is replaced but empty folders."""
    made: dict[str, Entry] = {}
    for link, target in _alternatives(shipped, replays):
        made.setdefault(link, symlink(link, _relative(link, target), GENERATED))
    for one in replays:
        for link, target in one.links.items():
            if not target.startswith("/usr/") or target.strip("/") in shipped:
                text = _relative(link, target) if target.startswith("/") else target
                made.setdefault(link, symlink(link, text, GENERATED))
        for path, source in one.copies.items():
            if source in shipped:
                made.setdefault(path, replace(shipped[source], path=path, owner=GENERATED))
        for path, text in one.files.items():
            made.setdefault(path, small_file(path, text.encode(), GENERATED))
        if one.certificates:
            made |= {entry.path: entry for entry in certificates(shipped).entries()}
    kept = [entry for path, entry in made.items() if path not in shipped or _is_empty_directory(shipped, path)]
    replaced = {entry.path for entry in kept}
    return FileTree([*(entry for entry in shipped.entries() if entry.path not in replaced), *kept])


def certificates(shipped: FileTree) -> FileTree:
    """The bundle as update-ca-certificates writes it by default, and the places where OpenSSL looks for it.

    The order is that of the names below /usr/share/ca-certificates, in the C locale. The hashed links of ``openssl
    rehash`` are not made: OpenSSL reads the bundle, which /usr/lib/ssl/cert.pem leads to.
    """
    base = "usr/share/ca-certificates/"
    data = b"".join(
        _line_ended(_bytes(entry))
        for entry in shipped.entries()
        if entry.path.startswith(base) and entry.path.endswith(".crt") and entry.kind is Kind.FILE
    )
    bundle = "etc/ssl/certs/ca-certificates.crt"
    links = {"usr/lib/ssl/cert.pem": bundle, "usr/lib/ssl/certs": "etc/ssl/certs"}
    return FileTree(
        [
            small_file(bundle, data, GENERATED),
            *(symlink(path, _relative(path, target), GENERATED) for path, target in links.items()),
        ]
    )


def status(package: debs.Package, shipped: FileTree) -> FileTree:
    """What scanners read to see the package (distroless' ``status.d``): its stanza, and sums of the files that ship."""
    name = package.deb.name
    head, _, rest = package.stanza.partition("\n")
    stanza = f"{head}\nStatus: install ok installed\n{rest}"
    sums = [
        line for line in package.control.get("md5sums", "").splitlines() if merged_path(line[34:].strip()) in shipped
    ]
    text = "".join(f"{line}\n" for line in sums)
    return FileTree(
        [
            small_file(f"{STATUS}/{name}", stanza.encode(), package.deb.owner),
            small_file(f"{STATUS}/{name}.md5sums", text.encode(), package.deb.owner),
        ]
    )


def _moved(package: debs.Package, entry: Entry) -> Entry | None:
    """The entry at its merged place; None for a link that would then lead to itself."""
    path = merged_path(entry.path)
    if entry.kind is Kind.HARDLINK:
        target = package.files.get(entry.link)
        if target is None or target.content is None:
            raise ArchiveError(
                f"{package.deb.owner} holds a hard link /{entry.path} to {entry.link!r}, which is no file"
            )
        entry = target
    if entry.kind is Kind.SYMLINK:
        target_path = _target(package, entry)
        return None if target_path == path else replace(entry, path=path, link=_relative(path, target_path))
    return replace(entry, path=path, mode=entry.mode & 0o1777)


def _target(package: debs.Package, entry: Entry) -> str:
    """Where a symbolic link leads, from the root, in a merged tree."""
    whole = posixpath.join("/" + posixpath.dirname(entry.path), entry.link)
    depth = 0
    for part in whole.split("/"):
        depth += {"": 0, ".": 0, "..": -1}.get(part, 1)
        if depth < 0:
            raise ArchiveError(
                f"{package.deb.owner} holds a link /{entry.path} that leads out of the tree ({entry.link!r})",
                hint="the package is hostile or damaged; get it again",
            )
    return merged_path(posixpath.normpath(whole).strip("/"))


def _relative(path: str, target: str) -> str:
    """The link text at `path` for `target`; relative, so that a tree works as a folder and as a root."""
    return posixpath.relpath("/" + target.strip("/"), "/" + posixpath.dirname(path))


def _is_left_out(entry: Entry, without: frozenset[str]) -> bool:
    if (module := _DYNLOAD.fullmatch(entry.path)) and module[1] in without:
        return True
    table = tables.load("os_packages")
    if not any(fnmatchcase(entry.path, pattern) for pattern in table["trim"]):
        return False
    # A package's documentation folder may be a link to that of another, which has the copyright file.
    is_licence_link = entry.kind is Kind.SYMLINK and fnmatchcase(entry.path, "usr/share/doc/*")
    if is_licence_link and entry.path.count("/") == 3:
        return False
    return entry.kind is not Kind.DIRECTORY and not any(fnmatchcase(entry.path, one) for one in table["keep"])


def _without_empty_rests(found: Mapping[str, Entry]) -> list[Entry]:
    """The entries less folders that only held what was left out."""
    needed: set[str] = set()
    for path, entry in found.items():
        if entry.kind is not Kind.DIRECTORY:
            while (path := posixpath.dirname(path)) and path not in needed:
                needed.add(path)
    patterns = tables.load("os_packages")["trim"]
    return [
        entry
        for path, entry in found.items()
        if entry.kind is not Kind.DIRECTORY
        or path in needed
        or not any(fnmatchcase(f"{path}/", pattern) or fnmatchcase(path, pattern) for pattern in patterns)
    ]


def _alternatives(shipped: FileTree, replays: Sequence[Replay]) -> list[tuple[str, str]]:
    """Link and target of each alternative whose target ships; the highest priority comes first."""
    wanted = [one for replay in replays for one in replay.alternatives]
    wanted.sort(key=lambda one: (one.link, -one.priority, one.target))
    pairs = [(merged_path(one.link), merged_path(one.target)) for one in wanted]
    return [(link, target) for link, target in pairs if target in shipped]


def _is_empty_directory(shipped: FileTree, path: str) -> bool:
    return shipped[path].kind is Kind.DIRECTORY and not any(other.startswith(f"{path}/") for other in shipped)


def _bytes(entry: Entry) -> bytes:
    if not entry.content or entry.size > debs.MAX_TEXT:
        raise ArchiveError(f"/{entry.path} ({entry.owner}) is too large for a text")
    with entry.content.open() as stream:
        return stream.read()


def _line_ended(data: bytes) -> bytes:
    return data if data.endswith(b"\n") else data + b"\n"
