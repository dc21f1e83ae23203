"""What slimming wants to know of a tree: its files, who brought them, and what its ELF files ask for.

A folder is walked once. Of files that could be programs or libraries the first bytes are read, of ELF files the dynamic
section; nothing else but the packages' own lists.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import stat
import tempfile
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from slimtorch.elf.file import facts
from slimtorch.elf.headers import MAGIC
from slimtorch.image.tree import Kind
from slimtorch.inventory.files import Files, Node
from slimtorch.inventory.packages import is_list, owners
from slimtorch.slim.model import Subject

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from slimtorch.elf.file import ElfFile
    from slimtorch.image.tree import Entry, FileTree, Opener

JOURNAL = ".slimtorch-journal"
"""The folder, in a site-packages folder, of work in progress; it is no part of any subject."""
LEAST_ELF = 64
"""Bytes of an ELF file's header (gABI, chapter 4): a shorter file is none."""
_TEXTS = (".py", ".pyc", ".pyi", ".h", ".hpp", ".cuh", ".txt", ".json", ".a", ".o")
"""Names of files that nobody loads as a library; they are most of an installation and stay closed."""
_SITE = re.compile(r"(.+/)?(?:site|dist)-packages")
_CANONICAL = re.compile(r"lib(?:64)?/python3\.\d+/(?:site|dist)-packages")
_DEBIAN = re.compile(r"(?:.+/)?usr/lib/python3(?:\.\d+)?/dist-packages")
_DEPTH = 9
"""Folders below a root file system that site-packages are looked for in."""


@dataclass(frozen=True, slots=True)
class Place:
    """An installation on the disk: the folder that paths are relative to, and its site-packages folders in it.

    `whole` says that `root` is a root file system, whose interpreter belongs to another system than this one.
    """

    root: Path
    sites: tuple[str, ...]
    whole: bool = False


@dataclass(slots=True)
class _Found:
    nodes: dict[str, Node] = field(default_factory=dict)
    binaries: dict[str, ElfFile] = field(default_factory=dict)
    lists: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    def subject(self, sites: Iterable[str], owned: Mapping[str, str]) -> Subject:
        present = {path: owner for path, owner in owned.items() if path in self.nodes}
        for other, first in self.links.items():
            # Who brought one name of a file brought the file.
            if owner := present.get(first) or present.get(other):
                present.setdefault(first, owner)
                present.setdefault(other, owner)
        for path in list(self.nodes):
            # Links are followed folder by folder, from the root on.
            while (path := path.rpartition("/")[0]) and path not in self.nodes:
                self.nodes[path] = Node(Kind.DIRECTORY, 0o755)
        return Subject(Files(self.nodes), tuple(sites), present, self.binaries, links=self.links)


# -- a folder ---------------------------------------------------------------------------------------------------------


def located(path: Path) -> Place | None:
    """The installation at `path`: a site-packages folder, or a folder with some below it (a venv, a root file system).

    None where no package is installed there.
    """
    folder = Path(os.path.realpath(path))
    if not folder.is_dir():
        return None
    if _is_site(str(folder)):
        root = folder.parents[2] if _CANONICAL.fullmatch("/".join(folder.parts[-3:])) else folder.parent
        return Place(root, (folder.relative_to(root).as_posix(),))
    sites = tuple(sorted(_sites_below(folder)))
    return Place(folder, sites, whole=not (folder / "pyvenv.cfg").is_file()) if sites else None


def _is_site(folder: str) -> bool:
    with os.scandir(folder) as children:
        names = [child.name for child in children if child.name.endswith(".dist-info")]
    return any(os.path.isfile(f"{folder}/{name}/RECORD") for name in names)  # noqa: PTH113  (a plain string)


def _sites_below(root: Path) -> Iterator[str]:
    todo, device = [(str(root), "", 0)], root.stat().st_dev
    while todo:
        folder, inside, depth = todo.pop()
        try:
            children = [child for child in os.scandir(folder) if child.is_dir(follow_symlinks=False)]
        except PermissionError:
            continue
        for child in children:
            path = f"{inside}{child.name}"
            if child.name in {"site-packages", "dist-packages"}:
                if not _DEBIAN.fullmatch(path) and _is_site(child.path):
                    yield path
            elif depth < _DEPTH and child.stat(follow_symlinks=False).st_dev == device:
                todo.append((child.path, f"{path}/", depth + 1))


def of_folder(place: Place) -> Subject:
    """What stands in the site-packages folders of `place`, and what their packages brought elsewhere (scripts).

    Raises:
        OSError: a folder or a library cannot be read.
    """
    found, names = _Found(), dict[tuple[int, int], str]()
    for site in place.sites:
        for path, file, status in _walk(place.root, site):
            _note(found, names, path, file, status)
    for path in sorted(found.nodes):
        if _is_own_list(path, place.sites):
            found.lists[path] = (place.root / path).read_bytes()
    owned = owners(found.lists)
    for path in sorted(owned.keys() - found.nodes.keys()) if _may_own_scripts(place) else ():
        if not path.startswith(tuple(f"{site}/" for site in place.sites)):
            _note_if_there(found, names, place.root, path)
    return found.subject(place.sites, owned)


def _may_own_scripts(place: Place) -> bool:
    """Elsewhere a row that leads out of site-packages leads to nothing that one could name."""
    return all(_CANONICAL.search(site) for site in place.sites)


def _note_if_there(found: _Found, names: dict[tuple[int, int], str], root: Path, path: str) -> None:
    try:
        # No link among the folders is followed: a RECORD may say anything.
        if os.path.realpath(parent := str(root / posixpath.dirname(path))) == parent:
            _note(found, names, path, str(root / path), os.lstat(root / path))
    except OSError:
        return


def _walk(root: Path, site: str) -> Iterator[tuple[str, str, os.stat_result]]:
    todo = [site]
    while todo:
        folder = todo.pop()
        for child in sorted(os.scandir(root / folder), key=lambda child: child.name):
            if child.name == JOURNAL and folder == site:
                continue
            status = child.stat(follow_symlinks=False)
            path = f"{folder}/{child.name}"
            if stat.S_ISDIR(status.st_mode):
                todo.append(path)
            yield path, child.path, status


def _note(found: _Found, names: dict[tuple[int, int], str], path: str, file: str, status: os.stat_result) -> None:
    mode, owner = stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid)
    if stat.S_ISLNK(status.st_mode):
        found.nodes[path] = Node(Kind.SYMLINK, mode, 0, *owner, os.readlink(file))  # noqa: PTH115  (a plain string)
    elif stat.S_ISDIR(status.st_mode):
        found.nodes[path] = Node(Kind.DIRECTORY, mode, 0, *owner)
    elif stat.S_ISREG(status.st_mode):
        open_ = partial(_open, file)
        found.nodes[path] = Node(Kind.FILE, mode, status.st_size, *owner, open=open_)
        first = names.setdefault((status.st_dev, status.st_ino), path) if status.st_nlink > 1 else path
        _note_binary(found, path, first, open_)


def _note_binary(found: _Found, path: str, first: str, open_: Opener) -> None:
    if first != path:
        found.links[path] = first
        if first in found.binaries:
            found.binaries[path] = found.binaries[first]
    elif (elf := _elf(path, found.nodes[path].size, open_)) is not None:
        found.binaries[path] = elf


def _open(path: str) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


# -- a tree -----------------------------------------------------------------------------------------------------------


def of_tree(tree: FileTree) -> Subject:
    """What stands in an image's tree; its entries' own owners count where a package's list says nothing."""
    found = _Found()
    for entry in tree.entries():
        _note_entry(found, entry, tree)
    sites = _sites(found.nodes)
    for path, node in found.nodes.items():
        if node.kind is Kind.FILE and node.open and is_list(path, node.size):
            with node.open() as stream:
                found.lists[path] = stream.read()
    known = {entry.path: entry.owner for entry in tree.entries() if entry.owner.startswith(("wheel:", "deb:"))}
    return found.subject(sites, {**owners(found.lists), **known})


def _note_entry(found: _Found, entry: Entry, tree: FileTree) -> None:
    first = entry
    if entry.kind is Kind.HARDLINK:
        first = tree.get(entry.link, entry)
    if first.content is None:
        found.nodes[entry.path] = Node(entry.kind, entry.mode, 0, entry.uid, entry.gid, entry.link)
        return
    content = first.content
    found.nodes[entry.path] = Node(Kind.FILE, first.mode, content.size, first.uid, first.gid, open=content.open)
    if first is not entry:
        # The first name may come later in the tree than the other ones.
        found.links[entry.path] = first.path
    elf = found.binaries.get(first.path) or _elf(entry.path, content.size, content.open)
    if elf is not None:
        found.binaries[entry.path] = elf


def _sites(nodes: Mapping[str, Node]) -> tuple[str, ...]:
    folders = {posixpath.dirname(posixpath.dirname(path)) for path in nodes if path.endswith(".dist-info/RECORD")}
    return tuple(sorted(site for site in folders if _SITE.fullmatch(site) and not _DEBIAN.fullmatch(site)))


def without(subject: Subject, gone: Collection[str]) -> Subject:
    """The subject as it is when these paths are gone; the same one where none is."""
    if not gone:
        return subject
    first: dict[str, str] = {}
    links = {}
    for path in subject.files:
        name = subject.links.get(path, path)
        if path not in gone and (known := first.setdefault(name, path)) != path:
            links[path] = known
    return replace(
        subject,
        files=Files({path: node for path, node in subject.files.items() if path not in gone}),
        owners={path: owner for path, owner in subject.owners.items() if path not in gone},
        binaries={path: elf for path, elf in subject.binaries.items() if path not in gone},
        links=links,
    )


# -- both -------------------------------------------------------------------------------------------------------------


def _is_own_list(path: str, sites: Iterable[str]) -> bool:
    """A vendored distribution's lists, deeper in a site-packages folder, own nothing."""
    for site in sites:
        inside = path.removeprefix(f"{site}/")
        if inside != path and inside.count("/") == 1 and inside.endswith((".dist-info/RECORD", ".dist-info/METADATA")):
            return True
    return False


def _elf(path: str, size: int, open_: Opener) -> ElfFile | None:
    if size < LEAST_ELF or path.endswith(_TEXTS):
        return None
    with open_() as stream:
        if stream.seekable():
            return facts(stream)
        if (start := stream.read(len(MAGIC))) != MAGIC:
            return None
        with tempfile.TemporaryFile() as spooled:
            spooled.write(start)
            shutil.copyfileobj(stream, spooled)
            spooled.seek(0)
            return facts(spooled)
