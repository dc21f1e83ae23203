"""Several changes of a folder, each by one rename, that a killed process can have begun and anybody can end.

The journal is a folder inside the site-packages folder, so that everything is on one file system::

    new/N          files that will stand at their paths
    old/N          what stood at the path of operation N
    after/         the tree as it will be, made of hard links, while it is tried
    STATE.json     the operations: what is going on, by the file's name; none while `new` is being filled

At any moment each path has either all of its old bytes or all of its new ones. That holds for ``kill -9``; for a loss
of power it holds as far as the file system keeps the order of renames. Nothing is flushed to the disk.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from slimtorch.errors import MachineError
from slimtorch.image.digest import of_stream
from slimtorch.slim.subject import JOURNAL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NO_LINKS = frozenset({errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS})


class State(StrEnum):
    """What a journal is doing; the way from one to the next is one rename."""

    SWAPPING = "swapping"
    UNDOING = "undoing"
    KEPT = "kept"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Operation:
    """`new` (a number, its name in the folder of new files) takes the place of `path`; '' takes it away.

    `digest` is the new file's, so that an undoing much later sees whether it is still there.
    """

    path: str
    new: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Emptied:
    """A folder that has nothing left in it, with what is needed to make it again."""

    path: str
    mode: int
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done: the operations in their order, then the folders to remove, the deepest first.

    With `keep` the originals stay in the journal.
    """

    operations: tuple[Operation, ...]
    emptied: tuple[Emptied, ...] = ()
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of the tree at `root`, in its folder."""

    root: Path
    folder: Path

    @property
    def new(self) -> Path:
        """The folder of new files."""
        return self.folder / "new"

    @property
    def old(self) -> Path:
        """The folder of what was there before."""
        return self.folder / "old"

    @property
    def after(self) -> Path:
        """The folder for a clone of the tree as it will be, to be tried."""
        return self.folder / "after"

    def state(self) -> State | None:
        """What is going on; None where nothing was changed yet."""
        return next((state for state in State if self.file(state).exists()), None)

    def file(self, state: State) -> Path:
        """Where the operations stand in that state."""
        return self.folder / f"{state}.json"


def of(root: Path, site: str) -> Journal:
    """The journal that belongs to a tree, whether it is there or not; `site` is its first site-packages folder."""
    return Journal(root, root / site / JOURNAL)


def begin(journal: Journal) -> None:
    """Makes an empty journal."""
    journal.folder.mkdir(mode=0o700)
    journal.new.mkdir()
    journal.old.mkdir()


def discard(journal: Journal) -> None:
    """Removes a journal; where it had begun to change something, its `state` must say that this is over."""
    shutil.rmtree(journal.new, ignore_errors=True)
    shutil.rmtree(journal.old, ignore_errors=True)
    shutil.rmtree(journal.folder, ignore_errors=True)


# -- there and back ---------------------------------------------------------------------------------------------------


def record(journal: Journal, plan: Plan) -> None:
    """Writes down what will be done; from here on a killed process leaves work that can be completed."""
    temporary = journal.folder / "plan.tmp"
    # The root, seen from the journal: who ends it may have named another folder of the same installation.
    depth = len(journal.folder.relative_to(journal.root).parts)
    temporary.write_text(json.dumps({**asdict(plan), "depth": depth}))
    temporary.rename(journal.file(State.SWAPPING))


def forward(journal: Journal) -> None:
    """Does what is left to do of the operations.

    Raises:
        OSError: the system refuses one; the ones before it are done.
    """
    root, plan = _recorded(journal, State.SWAPPING)
    for number, operation in enumerate(plan.operations):
        path, old = root / operation.path, journal.old / str(number)
        if not operation.new:
            if os.path.lexists(path) and not os.path.lexists(old):
                path.rename(old)
        elif (new := journal.new / operation.new).exists():
            if not os.path.lexists(old):
                _second_name(path, old)
            new.replace(path)


def finish(journal: Journal) -> None:
    """Ends it: emptied folders go, and unless they are to be kept, the originals."""
    root, plan = _recorded(journal, State.SWAPPING)
    journal.file(State.SWAPPING).rename(journal.file(State.KEPT if plan.keep else State.DONE))
    _clear(root, plan)
    if plan.keep:
        for folder in (journal.new, journal.after):
            shutil.rmtree(folder, ignore_errors=True)
    else:
        discard(journal)


def back(journal: Journal) -> int:
    """Puts back every original; how many paths that were. The journal is gone after it.

    Raises:
        OSError: the system refuses one; the journal stays, and another call goes on.
    """
    state = journal.state()
    if state in {State.SWAPPING, State.KEPT}:
        journal.file(state).rename(journal.file(State.UNDOING))
    root, plan = _recorded(journal, State.UNDOING)
    for emptied in reversed(plan.emptied):
        _make_again(root / emptied.path, emptied)
    count = 0
    for number, operation in reversed(list(enumerate(plan.operations))):
        if os.path.lexists(old := journal.old / str(number)):
            old.replace(root / operation.path)
            count += 1
    discard(journal)
    return count


def complete(journal: Journal) -> State | None:
    """Ends what a killed process left; which state it was in, None where it had changed nothing yet.

    Raises:
        OSError: the system refuses an operation.
    """
    state = journal.state()
    if state is State.SWAPPING:
        forward(journal)
        finish(journal)
    elif state is State.UNDOING:
        back(journal)
    elif state is not State.KEPT:
        if state is State.DONE:
            _clear(*_recorded(journal, State.DONE))
        discard(journal)
    return state


def altered(journal: Journal) -> Iterator[str]:
    """Paths that are no longer what the operations made of them: somebody has installed something since."""
    root, plan = _recorded(journal, State.KEPT)
    for operation in plan.operations:
        path = root / operation.path
        if os.path.lexists(path) != bool(operation.new) or (operation.new and _digest(path) != operation.digest):
            yield operation.path


def _digest(path: Path) -> str:
    if path.is_symlink() or not path.is_file():
        return ""
    with path.open("rb") as stream:
        return of_stream(stream)[0]


def _recorded(journal: Journal, state: State) -> tuple[Path, Plan]:
    """The root of the paths, and what will be or was done."""
    file = journal.file(state)
    try:
        value: Any = json.loads(file.read_bytes())
        operations = tuple(
            Operation(str(row["path"]), str(row["new"]), str(row["digest"])) for row in value["operations"]
        )
        emptied = tuple(
            Emptied(str(row["path"]), int(row["mode"]), int(row["uid"]), int(row["gid"])) for row in value["emptied"]
        )
        root = journal.folder.parents[max(0, int(value["depth"]) - 1)]
        keep = bool(value["keep"])
    except (ValueError, KeyError, TypeError, IndexError):
        raise MachineError(
            f"{file} is damaged", hint="install the packages anew; nothing can say what was changed"
        ) from None
    for path in (*(one.path for one in operations), *(one.path for one in emptied)):
        if path.startswith("/") or ".." in path.split("/"):
            raise MachineError(f"{file} names {path}, which is outside of the tree", hint="install the packages anew")
    if not all(one.new.isdecimal() or not one.new for one in operations):
        raise MachineError(f"{file} names a file that is not its own", hint="install the packages anew")
    return root, Plan(operations, emptied, keep)


def _second_name(path: Path, old: Path) -> None:
    """The file under a second name; a copy where the file system has no hard links."""
    try:
        os.link(path, old, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        copied = old.with_name(f"{old.name}.tmp")
        shutil.copy2(path, copied, follow_symlinks=False)
        copied.rename(old)


def _clear(root: Path, plan: Plan) -> None:
    for emptied in plan.emptied:
        with suppress(OSError):  # Somebody has put something into it.
            (root / emptied.path).rmdir()


def _make_again(path: Path, emptied: Emptied) -> None:
    if not path.is_dir():
        path.mkdir(parents=True)
        path.chmod(emptied.mode)
        if os.geteuid() == 0:
            os.chown(path, emptied.uid, emptied.gid)
