"""The proof that every symbol that resolved still resolves: two states of a tree, looked up as the loader would.

Each file is the first that a process loads, once: what it and the libraries that come with it ask for is looked up in
all of them. What only the program that loads it would have (``Py_…`` for an extension) is missing before and after.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from slimtorch.elf import bindings
from slimtorch.elf import headers as elf_headers
from slimtorch.elf.bindings import Bindings
from slimtorch.elf.reading import readable
from slimtorch.elf.resolve import Loader
from slimtorch.errors import ElfError
from slimtorch.image.tree import Kind
from slimtorch.inventory.files import Files, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from slimtorch.elf.bindings import Reference
    from slimtorch.elf.file import ElfFile
    from slimtorch.image.tree import Opener
    from slimtorch.slim.model import Subject

SHOWN = 3
"""As many symbols are named for each file."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """The file at `path` lost something, as `text` says; `giver` is the file that it had it from."""

    path: str
    text: str
    giver: str


@dataclass(frozen=True, slots=True)
class Tree:
    """One state: ELF files by path, how to open one, which file a path leads to, and the loader's extra folders."""

    binaries: Mapping[str, ElfFile]
    openers: Callable[[str], Opener | None]
    canonical: Callable[[str], str | None]
    folders: Sequence[str] = ()


def of_subject(subject: Subject, folders: Sequence[str] = ()) -> Tree:
    """The tree as a subject sees it."""
    # A subject may know a folder's contents and not the folders above it, which every look-up passes through.
    above = {folder.as_posix() for path in subject.binaries for folder in PurePosixPath(path).parents}
    nodes = {folder: Node(Kind.DIRECTORY, 0o755) for folder in above - {"."}}
    files = Files({**nodes, **subject.files})
    return Tree(subject.binaries, lambda path: files[path].open, files.file, folders)


def complaints(before: Tree, after: Tree, changed: Collection[str]) -> tuple[Complaint, ...]:
    """What no longer resolves. `changed` are the paths whose contents differ; gone is what `after` lacks.

    A file that cannot be read offers and asks for nothing, before as after.
    """
    same = {path for path in before.binaries if path not in changed}
    old = _State(before, {})
    new = _State(after, old.known, frozenset(same))
    found: list[Complaint] = []
    for path in sorted(before.binaries.keys() & after.binaries.keys()):
        missed = {missing.soname for missing in old.loader.missing(path)}
        lost = sorted({missing.soname for missing in new.loader.missing(path)} - missed)
        if lost:
            giver = old.loader.found(path).get(lost[0], path)
            found.append(Complaint(path, f"no longer finds {', '.join(lost)}", giver))
        elif gone := sorted(_lost(path, old, new), key=str):
            more = f" and {len(gone) - SHOWN} more" if len(gone) > SHOWN else ""
            text = f"nothing offers {', '.join(map(str, gone[:SHOWN]))}{more} any more"
            found.append(Complaint(path, text, old.giver(gone[0], old.loader.closure(path)) or path))
    return tuple(found)


def _lost(path: str, old: _State, new: _State) -> Iterator[Reference]:
    """References that resolve when `path` is loaded in the old state, and not in the new one."""
    were, are = old.loader.closure(path), new.loader.closure(path)
    if were == are and all(old.bindings(member) is new.bindings(member) for member in were):
        return
    for member in were:
        # What a library finds in its own closure it finds in every larger one; the rest depends on who loads it.
        wanted = old.bindings(member).wanted if member == path else old.open_ends(member)
        if member in are:
            for reference in wanted & new.bindings(member).wanted:
                if old.resolves(reference, were) and not new.resolves(reference, are):
                    yield reference


class _State:
    """A tree and what was read of it; `known` are the bindings of an earlier state, which hold for the paths `same`."""

    def __init__(self, tree: Tree, known: dict[str, Bindings], same: frozenset[str] = frozenset()) -> None:
        self.loader = Loader(tree.binaries, tree.canonical, tree.folders)
        self.known = {path: found for path, found in known.items() if path in same}
        self._earlier, self._same = known, same
        self._tree = tree
        self._open_ends: dict[str, frozenset[Reference]] = {}

    def bindings(self, path: str) -> Bindings:
        if path in self._same and path in self._earlier:
            return self._earlier[path]
        if path not in self.known:
            found, earlier = _read(self._tree.openers(path)), self._earlier.get(path)
            # One object for both states: less memory, and seen at once to be the same.
            self.known[path] = earlier if earlier == found and earlier is not None else found
        return self.known[path]

    def open_ends(self, path: str) -> frozenset[Reference]:
        """What does not resolve when only `path` is loaded."""
        if path not in self._open_ends:
            scope = self.loader.closure(path)
            wanted = self.bindings(path).wanted
            self._open_ends[path] = frozenset(one for one in wanted if not self.resolves(one, scope))
        return self._open_ends[path]

    def resolves(self, reference: Reference, scope: Sequence[str]) -> bool:
        return self.giver(reference, scope) is not None

    def giver(self, reference: Reference, scope: Sequence[str]) -> str | None:
        return next((member for member in scope if self.bindings(member).has(reference)), None)


def _read(open_: Opener | None) -> Bindings:
    if open_ is None:
        return Bindings()
    try:
        with open_() as stream:
            source = readable(stream)
            headers = elf_headers.read(source)
            return bindings.read(source, headers) if headers else Bindings()
    except ElfError:
        return Bindings()
