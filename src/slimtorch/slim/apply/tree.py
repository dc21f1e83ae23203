"""A proposal carried out on the tree of an image: every new file is made and proven in a scratch folder first."""

from __future__ import annotations

import io
import posixpath
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from slimtorch.image.digest import of_bytes
from slimtorch.image.tree import Content, FileTree, Kind
from slimtorch.slim.apply import making, savings
from slimtorch.slim.apply.checks import check_files, check_size, check_whole
from slimtorch.slim.apply.record import updated
from slimtorch.slim.model import Drop, Note

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from slimtorch.host.progress import Progress
    from slimtorch.image.digest import Digest
    from slimtorch.image.tree import Entry
    from slimtorch.slim.apply.making import Made
    from slimtorch.slim.model import Edit, Ledger, Policy, Proposal, Saving, Subject

OTHER_NAME = "stays, because another name of the same file does: nothing would be saved"


@dataclass(frozen=True, slots=True)
class Source:
    """A tree, what is known of it, and the folder in which its files stand; new ones are made in `scratch`."""

    tree: FileTree
    subject: Subject
    root: Path
    scratch: Path


@dataclass(frozen=True, slots=True)
class Applied:
    """The edited tree, whose new contents are read from the scratch folder, and the ledger.

    `changed` gives, by path, the file that stands there now, or None for nothing, as `proof.clone` wants it.
    """

    tree: FileTree
    ledger: Ledger
    changed: Mapping[str, Path | None]


def apply(source: Source, policy: Policy, proposal: Proposal, progress: Progress) -> Applied:
    """The tree with every edit that could be made and proven by reading.

    Raises:
        ElfError: a library has GPU code, but none for a GPU of the policy.
        ProofError: a new file is not what it has to be.
        MachineError: the disk is full.
    """
    tree, subject = source.tree, source.subject
    edits: dict[str, Edit] = {edit.path: edit for edit in proposal.edits}
    held = _held(edits, subject)
    gone = {path for path, edit in edits.items() if isinstance(edit, Drop) and path not in held}
    made = _made(source, [edit for edit in edits.values() if not isinstance(edit, Drop)], progress)
    new = {one.path: _content(path, one) for path, one in made if one.digest}
    lines = [savings.dropped(subject, edit, edits) for path, edit in edits.items() if isinstance(edit, Drop)]
    lines = [line for line in lines if line.path in gone] + [line for _, one in made for line in one.savings]
    for path, data, line in _records(source, gone, new):
        target = source.scratch / f"RECORD-{len(lines)}"
        target.write_bytes(data)
        new[path] = (Content(len(data), of_bytes(data), partial(io.BytesIO, data)), target)
        lines.append(line)
    notes = (*proposal.notes, *(Note(path, OTHER_NAME) for path in sorted(held)))
    notes = (*notes, *(one.note for _, one in made if one.note))
    ledger = replace(savings.ledger(subject, policy, tuple(lines)), notes=notes)
    contents = {path: content for path, (content, _) in new.items()}
    changed = _changed(subject, gone, new)
    check_whole(subject, proposal, changed)
    left = edited(tree, gone, contents)
    check_size(left.size, ledger)
    return Applied(left, ledger, changed)


def edited(tree: FileTree, gone: Collection[str], new: Mapping[str, Content]) -> FileTree:
    """The tree without some paths and the folders that this empties, and with new contents."""
    lost = _emptied(tree, gone)
    kept = (entry for path, entry in tree.items() if path not in gone and path not in lost)
    return FileTree(replace(entry, content=new[entry.path]) if entry.path in new else entry for entry in kept)


def _emptied(tree: FileTree, gone: Collection[str]) -> set[str]:
    """Folders that had something in them and have nothing left."""
    parents = {path.rpartition("/")[0] for path in tree}
    left: set[str] = set()
    for path, entry in tree.items():
        empty_before = entry.kind is Kind.DIRECTORY and path not in parents
        if path not in gone and (empty_before or entry.kind is not Kind.DIRECTORY):
            left.update(_above(path))
    return {folder for path in gone for folder in _above(path)} - left


def _above(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _held(edits: Mapping[str, Edit], subject: Subject) -> set[str]:
    """Files that other names lead to which stay: the first name of a file is the one that has its bytes."""
    if not subject.links:
        return set()
    first = {path for path in set(subject.links.values()) if isinstance(edits.get(path), Drop)}
    return {p for p in first if not all(isinstance(edits.get(name), Drop) for name in savings.names(subject, p))}


def _made(source: Source, edits: list[Edit], progress: Progress) -> list[tuple[Path, Made]]:
    """What becomes of each library and where it was written, in the order of the edits; each file is made once."""
    subject = source.subject
    firsts = {subject.links.get(edit.path, edit.path): edit for edit in edits}
    wanted = {path: replace(edit, path=path) for path, edit in firsts.items() if not isinstance(edit, Drop)}
    targets = {path: source.scratch / str(number) for number, path in enumerate(wanted)}
    with progress.task("slimming libraries", sum(subject.files[path].size for path in wanted)) as task:
        found = making.libraries(source.root, subject, wanted, targets, task)
    made = [(targets[path], one) for path, one in found.items()]
    check_files(list(found.values()), subject)
    return made


def _content(path: Path, made: Made) -> tuple[Content, Path]:
    assert made.digest is not None  # noqa: S101  (it was written)
    return Content(path.stat().st_size, made.digest, partial(path.open, "rb")), path


def _records(
    source: Source, gone: Collection[str], new: Mapping[str, tuple[Content, Path]]
) -> Iterator[tuple[str, bytes, Saving]]:
    """The RECORDs that are not true any more, written anew."""
    known: dict[str, tuple[Digest, int]] = {path: (content.digest, content.size) for path, (content, _) in new.items()}
    for other, path in source.subject.links.items():
        if path in known:
            known[other] = known[path]
    for path in _lists(source, gone):
        entry = source.tree[path]
        old = _text(entry)
        site = posixpath.dirname(posixpath.dirname(path))
        data = updated(old, site, gone, known).encode(errors="surrogateescape")
        if data != old.encode(errors="surrogateescape"):
            yield path, data, savings.recorded(source.subject, path, len(data))


def _lists(source: Source, gone: Collection[str]) -> Iterator[str]:
    for site in source.subject.sites:
        for path, entry in source.tree.items():
            inside = path.removeprefix(f"{site}/")
            if inside.endswith(".dist-info/RECORD") and inside.count("/") == 1 and path not in gone and entry.content:
                yield path


def _text(entry: Entry) -> str:
    assert entry.content is not None  # noqa: S101  (see _lists)
    with entry.content.open() as stream:
        return stream.read().decode(errors="surrogateescape")


def _changed(
    subject: Subject, gone: Collection[str], new: Mapping[str, tuple[Content, Path]]
) -> dict[str, Path | None]:
    found: dict[str, Path | None] = dict.fromkeys(gone)
    for path, (_, file) in new.items():
        found |= dict.fromkeys((name for name in savings.names(subject, path) if name not in gone), file)
    return found
