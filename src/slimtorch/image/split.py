"""One tree into layers: by owner, and by size where a group is too large for one download."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.image import digest as digests
from slimtorch.image.tree import Entry, FileTree, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.image.digest import Digest


def split(tree: FileTree, groups: Mapping[str, str], *, largest: int) -> dict[str, FileTree]:
    """Named parts of `tree`, in the order in which `groups` (owner → name) first names them.

    Each part holds its owners' entries and every directory above them, so that it can stand alone; a part over
    `largest` bytes is cut in path order into ``name``, ``name-2`` …. Merging the parts gives the tree back.
    """
    parts = tree.partition(lambda entry: groups[entry.owner])
    named: dict[str, FileTree] = {}
    for name in dict.fromkeys(groups.values()):
        for number, piece in enumerate(_pieces(parts.get(name, FileTree()), largest), start=1):
            named[name if number == 1 else f"{name}-{number}"] = _with_directories(piece, tree)
    return named


def tree_digest(tree: FileTree) -> Digest:
    """Names what a tree would write, without reading any content: paths, modes, owners and the digests of the files."""
    return digests.of_json(
        [
            [entry.path, entry.kind, entry.mode, entry.uid, entry.gid, entry.link, _content(entry)]
            for entry in tree.entries()
        ]
    )


def _content(entry: Entry) -> str:
    return entry.content.digest if entry.content else ""


def _pieces(tree: FileTree, largest: int) -> list[list[Entry]]:
    pieces: list[list[Entry]] = []
    room = 0
    for entry in tree.entries():
        if not pieces or (entry.size > room and pieces[-1]):
            pieces.append([])
            room = largest
        pieces[-1].append(entry)
        room -= entry.size
    return pieces


def _with_directories(entries: list[Entry], tree: FileTree) -> FileTree:
    above: dict[str, Entry] = {}
    for entry in entries:
        parent = entry.path.rpartition("/")[0]
        while parent and parent not in above:
            if (found := tree.get(parent)) is not None and found.kind is Kind.DIRECTORY:
                above[parent] = found
            parent = parent.rpartition("/")[0]
    return FileTree([*above.values(), *entries])
