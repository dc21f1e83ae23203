"""An installation on this machine, slimmed where it stands: made beside, proven, put in place file by file."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slimtorch.errors import MachineError, UsageError
from slimtorch.probe import place as places
from slimtorch.slim import recipe
from slimtorch.slim import subject as subjects
from slimtorch.slim.apply import folder, lower_layer
from slimtorch.slim.apply import journal as journals
from slimtorch.slim.apply.journal import State
from slimtorch.slim.model import Note
from slimtorch.slim.proof import clone, dynamic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slimtorch.host.machine import Machine
    from slimtorch.slim.apply.folder import Prepared
    from slimtorch.slim.apply.journal import Journal
    from slimtorch.slim.model import Ledger, Policy, Subject
    from slimtorch.slim.subject import Place

ADDS_BYTES = (
    "a lower layer of this image already holds these files: what is written now is added to it, and what goes stays "
    "there. Slim in the RUN of the install, or in a builder stage"
)
COMPLETED = {
    State.SWAPPING: "an earlier run was interrupted; its changes were completed first",
    State.UNDOING: "an earlier --undo was interrupted; it was completed first",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to do with the installation in `folder`; `dry` touches nothing, `keep` lets ``--undo`` work later."""

    folder: Path
    policy: Policy
    dry: bool = False
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Slimmed:
    """What was done, or would be. `sites` are the site-packages folders of the ledger's paths."""

    place: Place
    ledger: Ledger
    changed: bool

    @property
    def reference(self) -> str:
        """The installation as a reference."""
        root, sites = self.place.root, self.place.sites
        return f"dir:{root / sites[0] if len(sites) == 1 else root}"


def slim(wanted: Wanted, machine: Machine) -> Slimmed:
    """The installation without what the policy lets go; nothing is changed where a proof fails.

    Raises:
        UsageError: no package is installed there, or the originals of another run are kept there.
        ElfError: a library has GPU code, but none for a GPU of the policy.
        ProofError: something that was made is not what it has to be, or does not work as it did.
        MachineError: the disk is full, the folder is in use by another run, or the system refuses something.
    """
    place = located(wanted.folder)
    journal = journals.of(place.root, place.sites[0])
    with _alone(place):
        notes = _earlier(journal, dry=wanted.dry)
        with folder.explained(place.root):
            subject = subjects.of_folder(place)
            found = recipe.propose(subject, wanted.policy)
        below = lower_layer.holds(place.root, [edit.path for edit in found.edits])
        notes += [Note("", ADDS_BYTES)] if below else []
        if wanted.dry or journal.state() is State.KEPT:
            ledger = folder.preview(place, subject, found, wanted.policy, machine.progress)
            if ledger.savings and not wanted.dry:
                raise _kept(journal)
            return Slimmed(place, _noted(ledger, notes), changed=False)
        prepared = folder.prepare(place, subject, found, wanted.policy, machine.progress)
        if not prepared.plan.operations:
            folder.discard(prepared)
            return Slimmed(place, _noted(prepared.ledger, notes), changed=False)
        proven = _proven(place, subject, prepared, machine, links=not below)
        folder.put_in_place(proven, keep=wanted.keep)
        return Slimmed(place, _noted(proven.ledger, notes), changed=True)


def undo(path: Path) -> int:
    """Puts back the originals of a run that kept them, or was interrupted; how many files that were.

    Raises:
        UsageError: there are none, or somebody has installed something since.
        MachineError: the system refuses something; another try goes on.
    """
    place = located(path)
    journal = journals.of(place.root, place.sites[0])
    with _alone(place):
        state = journal.state()
        if state in {None, State.DONE}:
            journals.complete(journal)
            raise UsageError(
                f"there is nothing to undo in {path}",
                hint="only a run that was interrupted, or one with --keep-originals, can be undone; "
                "else install the packages again",
            )
        if state is State.KEPT and (altered := list(journals.altered(journal))):
            raise UsageError(
                f"{altered[0]} was changed after it was slimmed, and the original would not fit any more",
                hint=f"install the packages again, then remove {journal.folder}",
            )
        return journals.back(journal)


def located(path: Path) -> Place:
    """The installation at `path`.

    Raises:
        UsageError: there is none.
    """
    if not path.is_dir():
        raise UsageError(f"{path} is not a folder", hint="give a site-packages folder, a virtual environment or a root")
    if found := subjects.located(path):
        return found
    raise UsageError(
        f"no Python package is installed in {path}",
        hint="give a site-packages folder; `python -c 'import site; print(site.getsitepackages())'` says where",
    )


@contextmanager
def _alone(place: Place) -> Iterator[None]:
    """Nobody else slims any of these folders meanwhile; a killed process keeps nobody out."""
    with ExitStack() as stack:
        for site in place.sites:
            descriptor = os.open(place.root / site, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise MachineError(
                    f"{place.root / site} is being slimmed by another process", hint="wait until it is done"
                ) from None
        yield


def _earlier(journal: Journal, *, dry: bool) -> list[Note]:
    """Ends what an interrupted run left, and says so."""
    if not journal.folder.is_dir():
        return []
    if dry:
        told = journal.state() in COMPLETED
        return [Note("", "an earlier run was interrupted; a run without --dry-run completes it first")] if told else []
    state = journals.complete(journal)
    return [Note("", COMPLETED[state])] if state in COMPLETED else []


def _kept(journal: Journal) -> UsageError:
    return UsageError(
        f"{journal.folder} keeps the originals of an earlier run",
        hint="put them back with --undo, or remove that folder to keep what is there now",
    )


def _noted(ledger: Ledger, notes: list[Note]) -> Ledger:
    return replace(ledger, notes=(*notes, *ledger.notes))


def _proven(place: Place, subject: Subject, prepared: Prepared, machine: Machine, *, links: bool) -> Prepared:
    """With the proof by running in the ledger; nothing is left of the journal where it fails."""
    try:
        before = None if place.whole else places.of_folder(place.root, sites=place.sites)
        ledger = prepared.ledger
        if before is None:
            ledger = dynamic.prove(ledger, subject, None, None, machine.run)
        else:
            with folder.explained(place.root):
                _clone(place, prepared, prepared.journal.after, links=links)
            after = replace(before, root=prepared.journal.after)
            ledger = dynamic.prove(ledger, subject, before, after, machine.run)
        return replace(prepared, ledger=ledger)
    except BaseException:
        folder.discard(prepared)
        raise


def _clone(place: Place, prepared: Prepared, target: Path, *, links: bool) -> None:
    """The site-packages folders as they will be, for as long as the journal is there."""
    changed = prepared.changed()
    for site in place.sites:
        inside = {path.removeprefix(f"{site}/"): new for path, new in changed.items() if path.startswith(f"{site}/")}
        clone.make(place.root / site, target / site, {**inside, subjects.JOURNAL: None}, links=links)
