"""A proposal carried out on a folder: everything is made and proven in the journal first, then put in place.

Nothing at its path is touched by `prepare`; a file that somebody changes meanwhile is noticed.
"""

from __future__ import annotations

import errno
import os
import posixpath
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from slimtorch.errors import MachineError
from slimtorch.image.digest import Digest, of_bytes
from slimtorch.image.tree import Kind
from slimtorch.slim.apply import journal as journals
from slimtorch.slim.apply import making, savings
from slimtorch.slim.apply.checks import NOTHING_CHANGED, check_files, check_size, check_whole, failed
from slimtorch.slim.apply.journal import Emptied, Operation, Plan
from slimtorch.slim.apply.record import updated
from slimtorch.slim.model import Drop, Note

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from slimtorch.host.progress import Progress
    from slimtorch.slim.apply.journal import Journal
    from slimtorch.slim.apply.making import Made, Mark
    from slimtorch.slim.model import Edit, Ledger, Policy, Proposal, Saving, Subject
    from slimtorch.slim.subject import Place

OTHER_NAMES = (
    "libraries have names outside of this folder as well (of a package manager's cache, say); those keep the old "
    "files, and the disk their bytes, for as long as they are there"
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that is to take its place, and the ledger of it.

    `marks` tell what was read of each path; `paths` are all files that the ledger counts.
    """

    journal: Journal
    plan: Plan
    ledger: Ledger
    marks: Mapping[str, Mark] = field(default_factory=dict)
    paths: tuple[str, ...] = ()

    def changed(self) -> dict[str, Path | None]:
        """By path, the file that will stand there, or None for nothing."""
        return _changed(self.journal, self.plan.operations)


def preview(place: Place, subject: Subject, proposal: Proposal, policy: Policy, progress: Progress) -> Ledger:
    """What `prepare` would save, proven as far as reading can; nothing is written.

    Raises:
        ElfError: a library has GPU code, but none for a GPU of the policy.
        ProofError: a new file would not be what it has to be, or an old one changed while it was read.
    """
    made = _made(place.root, subject, proposal, None, progress)
    check_whole(subject, proposal, {edit.path: None for edit in proposal.edits if isinstance(edit, Drop)})
    return _ledger(subject, policy, proposal, made, ())


def prepare(place: Place, subject: Subject, proposal: Proposal, policy: Policy, progress: Progress) -> Prepared:
    """Every new file in the journal, each proven against the one that it will replace.

    Raises:
        ElfError: a library has GPU code, but none for a GPU of the policy.
        ProofError: a new file is not what it has to be, or an old one changed while it was read.
        MachineError: the disk is full, or the system refuses something.
    """
    journal = journals.of(place.root, place.sites[0])
    with explained(place.root):
        _check_folders(place.root, proposal)
        journals.begin(journal)
        try:
            made = _made(place.root, subject, proposal, journal, progress)
            operations = tuple(_operations(journal, subject, proposal, made))
            check_whole(subject, proposal, _changed(journal, operations))
            records = tuple(_records(journal, place, subject, operations))
        except BaseException:
            journals.discard(journal)
            raise
    rewritten = tuple(savings.recorded(subject, one.path, size) for one, size in records)
    operations += tuple(one for one, _ in records)
    marks = {one.path: one.mark for one in made if one.mark and one.digest}
    plan = Plan(operations, tuple(_emptied(place, subject, operations)))
    files = tuple(path for path, node in subject.files.items() if node.kind is Kind.FILE)
    return Prepared(journal, plan, _ledger(subject, policy, proposal, made, rewritten), marks, files)


def put_in_place(prepared: Prepared, *, keep: bool = False) -> None:
    """Every new file at its path; the originals go, or stay in the journal with `keep`.

    Raises:
        ProofError: a file changed since it was read.
        MachineError: the system refused; everything is as it was.
    """
    journal = prepared.journal
    try:
        _check_marks(prepared)
    except BaseException:
        journals.discard(journal)
        raise
    journals.record(journal, replace(prepared.plan, keep=keep))
    with explained(journal.root):
        try:
            journals.forward(journal)
            _check_size(prepared)
        except BaseException:
            journals.back(journal)
            raise
    journals.finish(journal)


def discard(prepared: Prepared) -> None:
    """Forgets what was prepared; nothing was changed."""
    journals.discard(prepared.journal)


# -- the libraries ----------------------------------------------------------------------------------------------------


def _made(root: Path, subject: Subject, proposal: Proposal, journal: Journal | None, progress: Progress) -> list[Made]:
    """What becomes of each library, in the proposal's order; the largest are begun first."""
    edits = {edit.path: edit for edit in proposal.edits if not isinstance(edit, Drop)}
    targets = {path: journal.new / str(number) if journal else None for number, path in enumerate(edits)}
    what = "slimming libraries" if journal else "reading libraries"
    with progress.task(what, sum(subject.files[path].size for path in edits)) as task:
        made = list(making.libraries(root, subject, edits, targets, task).values())
    check_files(made, subject)
    return made


def _operations(journal: Journal, subject: Subject, proposal: Proposal, made: Collection[Made]) -> Iterator[Operation]:
    edits = {edit.path: edit for edit in proposal.edits}
    numbers = {edit.path: str(n) for n, edit in enumerate(e for e in proposal.edits if not isinstance(e, Drop))}
    following = len(numbers)
    for one in made:
        if one.digest is None:
            continue
        new = numbers[one.path]
        yield Operation(one.path, new, one.digest)
        others = savings.names(subject, one.path)[1:] if subject.links else ()
        for name in others:
            if name not in edits:
                os.link(journal.new / new, journal.new / str(following))
                yield Operation(name, str(following), one.digest)
                following += 1
    yield from (Operation(edit.path) for edit in proposal.edits if isinstance(edit, Drop))


def _changed(journal: Journal, operations: Collection[Operation]) -> dict[str, Path | None]:
    return {one.path: journal.new / one.new if one.new else None for one in operations}


# -- what follows from it ---------------------------------------------------------------------------------------------


def _records(
    journal: Journal, place: Place, subject: Subject, operations: Collection[Operation]
) -> Iterator[tuple[Operation, int]]:
    """The RECORDs that are not true any more, written anew, with their sizes."""
    gone = {one.path for one in operations if not one.new}
    new: dict[str, tuple[Digest, int]] = {}
    for one in operations:
        if one.new:
            file = journal.new / one.new
            new[one.path] = (Digest(one.digest), file.stat().st_size)
    for site in place.sites:
        for path in [path for path in subject.files if _is_record(path, site) and path not in gone]:
            old = (place.root / path).read_bytes().decode(errors="surrogateescape")
            if (text := updated(old, site, gone, new)) != old:
                yield _small(journal, place.root / path, path, text.encode(errors="surrogateescape"))


def _is_record(path: str, site: str) -> bool:
    inside = path.removeprefix(f"{site}/")
    return inside != path and inside.count("/") == 1 and inside.endswith(".dist-info/RECORD")


def _small(journal: Journal, original: Path, path: str, data: bytes) -> tuple[Operation, int]:
    # Not every edit has come to a file, so that their count says nothing of the numbers that are taken.
    number = str(1 + max((int(file.name) for file in journal.new.iterdir()), default=0))
    target = journal.new / number
    with target.open("xb") as stream:
        stream.write(data)
    with original.open("rb") as old, target.open("rb") as made:
        making.like(old.fileno(), made.fileno())
    return Operation(path, number, of_bytes(data)), len(data)


def _emptied(place: Place, subject: Subject, operations: Collection[Operation]) -> Iterator[Emptied]:
    """The folders that have nothing left in them, the deepest first."""
    gone = {one.path for one in operations if not one.new}
    left = {""}
    for path, node in subject.files.items():
        if node.kind is not Kind.DIRECTORY and path not in gone:
            left.update(_parents(path))
    inside = tuple(f"{site}/" for site in place.sites)
    lost = {parent for path in gone for parent in _parents(path) if parent.startswith(inside)} - left
    for path in sorted(lost, key=lambda path: (-path.count("/"), path)):
        if path in subject.files:
            node = subject.files[path]
            yield Emptied(path, node.mode, node.uid or 0, node.gid or 0)


def _parents(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _ledger(
    subject: Subject, policy: Policy, proposal: Proposal, made: Collection[Made], more: tuple[Saving, ...]
) -> Ledger:
    edits: dict[str, Edit] = {edit.path: edit for edit in proposal.edits}
    lines = [savings.dropped(subject, edit, edits) for edit in proposal.edits if isinstance(edit, Drop)]
    lines += [saving for one in made for saving in one.savings]
    notes = (*proposal.notes, *(one.note for one in made if one.note), *_other_names(subject, made))
    return replace(savings.ledger(subject, policy, (*lines, *more)), notes=notes)


def _other_names(subject: Subject, made: Collection[Made]) -> Iterator[Note]:
    count = 0
    for one in made:
        if one.digest and one.mark and one.mark.names > len(savings.names(subject, one.path)):
            count += 1
    if count:
        yield Note("", f"{count} {OTHER_NAMES}")


# -- refusals ---------------------------------------------------------------------------------------------------------


def _check_folders(root: Path, proposal: Proposal) -> None:
    for folder in sorted({posixpath.dirname(edit.path) for edit in proposal.edits}):
        if not os.access(root / folder, os.W_OK | os.X_OK):
            mounted = bool(os.statvfs(root / folder).f_flag & os.ST_RDONLY)
            way = "it is mounted read-only" if mounted else "run it as the folder's owner"
            raise MachineError(f"{root / folder} cannot be written to", hint=f"{way}; {NOTHING_CHANGED}")


def _check_marks(prepared: Prepared) -> None:
    failures = []
    for path, found in prepared.marks.items():
        try:
            now = making.mark((prepared.journal.root / path).lstat())
        except FileNotFoundError:
            now = None
        if now is None or replace(now, names=found.names) != found:
            failures.append(("apply", path, making.CHANGED))
    if failures:
        raise failed(failures)


def _check_size(prepared: Prepared) -> None:
    found: dict[tuple[int, int], int] = {}
    for path in prepared.paths:
        with suppress(FileNotFoundError):
            status = (prepared.journal.root / path).lstat()
            found[status.st_dev, status.st_ino] = status.st_size
    check_size(sum(found.values()), prepared.ledger)


@contextmanager
def explained(root: Path) -> Iterator[None]:
    """What the system refuses while nothing is in place, in words.

    Raises:
        MachineError: it refused something.
    """
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        place = error.filename or root
        raise MachineError(
            f"{place}: {(error.strerror or str(error))[:1].lower()}{(error.strerror or str(error))[1:]}",
            hint=f"{NOTHING_CHANGED}; slimming needs room for what it writes anew, until it is done"
            if full
            else NOTHING_CHANGED,
        ) from None
