from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import MachineError
from slimtorch.image.digest import of_bytes
from slimtorch.slim.apply import journal as journals
from slimtorch.slim.apply.journal import Emptied, Journal, Operation, Plan, State

if TYPE_CHECKING:
    from pathlib import Path

PLAN = Plan(
    (Operation("site/a", "0", of_bytes(b"new")), Operation("site/d/b"), Operation("site/d/link")),
    (Emptied("site/d", 0o750, 0, 0),),
)
OLD = {"a": b"old", "d/b": b"b"}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    (tmp_path / "site/d").mkdir(parents=True)
    for path, data in OLD.items():
        (tmp_path / "site" / path).write_bytes(data)
    (tmp_path / "site/d").chmod(0o750)
    (tmp_path / "site/d/link").symlink_to("b")
    found = journals.of(tmp_path, "site")
    journals.begin(found)
    (found.new / "0").write_bytes(b"new")
    return found


def there(journal: Journal) -> dict[str, bytes]:
    site = journal.root / "site"
    return {str(path.relative_to(site)): path.read_bytes() for path in site.rglob("*") if path.is_file()}


def is_old(journal: Journal) -> bool:
    folder = journal.root / "site/d"
    return (
        there(journal) == {**OLD, "d/link": b"b"}
        and folder.stat().st_mode & 0o777 == 0o750
        and (
            os.readlink(folder / "link") == "b"  # noqa: PTH115  (as text)
        )
    )


def test_there(journal: Journal) -> None:
    journals.record(journal, PLAN)
    journals.forward(journal)
    journals.finish(journal)
    assert there(journal) == {"a": b"new"}
    assert not (journal.root / "site/d").exists()
    assert journal.state() is None


def test_there_and_back(journal: Journal) -> None:
    journals.record(journal, PLAN)
    journals.forward(journal)
    assert journals.back(journal) == 3
    assert is_old(journal)
    assert not journal.folder.exists()


def test_back_from_what_was_kept(journal: Journal) -> None:
    journals.record(journal, replace(PLAN, keep=True))
    journals.forward(journal)
    journals.finish(journal)
    assert not (journal.root / "site/d").exists()
    assert list(journals.altered(journal)) == []
    assert journals.complete(journal) is State.KEPT
    assert journals.back(journal) == 3
    assert is_old(journal)


@pytest.mark.parametrize("change", ["other", "removed", "made"])
def test_what_was_installed_since_is_noticed(journal: Journal, change: str) -> None:
    journals.record(journal, replace(PLAN, keep=True))
    journals.forward(journal)
    journals.finish(journal)
    site = journal.root / "site"
    if change == "made":
        (site / "d").mkdir()
        (site / "d/b").touch()
    elif change == "other":
        (site / "a").write_bytes(b"wen")
    else:
        (site / "a").unlink()
    assert list(journals.altered(journal)) == ["site/d/b" if change == "made" else "site/a"]


@pytest.mark.parametrize("done", [0, 1, 2, 3])
@pytest.mark.parametrize("undo", [False, True])
def test_what_was_begun_can_be_ended(journal: Journal, done: int, undo: bool) -> None:  # noqa: FBT001
    journals.record(journal, Plan(PLAN.operations[:done]))
    journals.forward(journal)
    journal.file(State.SWAPPING).unlink()
    journals.record(journal, PLAN)
    if undo:
        journals.back(journal)
        assert is_old(journal)
    else:
        assert journals.complete(journal) is State.SWAPPING
        assert there(journal) == {"a": b"new"}
    assert not journal.folder.exists()


def test_originals_that_were_to_be_kept_are_kept_whoever_ends_it(journal: Journal) -> None:
    journals.record(journal, replace(PLAN, keep=True))
    assert journals.complete(journal) is State.SWAPPING
    assert there(journal)["a"] == b"new"
    assert journal.state() is State.KEPT
    assert journals.back(journal) == 3
    assert is_old(journal)


@pytest.mark.parametrize("undo", [False, True])
def test_another_name_for_the_same_installation(journal: Journal, undo: bool) -> None:  # noqa: FBT001
    """The paths of a plan are relative to the root of the run that made it."""
    journals.record(journal, PLAN)
    other = Journal(journal.root / "site", journal.folder)
    if undo:
        journals.forward(other)
        assert journals.back(other) == 3
        assert is_old(journal)
    else:
        assert journals.complete(other) is State.SWAPPING
        assert there(journal) == {"a": b"new"}


def test_between_the_two_names_of_one_swap(journal: Journal) -> None:
    """Killed after the original got its second name and before the new file took the first one."""
    (journal.old / "0").hardlink_to(journal.root / "site/a")
    journals.record(journal, PLAN)
    journals.back(journal)
    assert is_old(journal)


def test_an_undoing_goes_on(journal: Journal) -> None:
    journals.record(journal, PLAN)
    journals.forward(journal)
    journal.file(State.SWAPPING).rename(journal.file(State.UNDOING))
    (journal.old / "2").rename(journal.root / "site/d/link")
    assert journals.complete(journal) is State.UNDOING
    assert is_old(journal)


def test_what_changed_nothing_yet_is_forgotten(journal: Journal) -> None:
    assert journals.complete(journal) is None
    assert is_old(journal)


def test_a_file_system_without_hard_links(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    journals.record(journal, PLAN)
    journals.forward(journal)
    assert there(journal)["a"] == b"new"
    journals.back(journal)
    assert is_old(journal)


@pytest.mark.parametrize(
    "rows",
    [
        [{"path": "/etc/passwd", "new": "0", "digest": ""}],
        [{"path": "site/../../x", "new": "0", "digest": ""}],
        [{"path": "site/a", "new": "../../x", "digest": ""}],
        [{"path": "site/a"}],
        "x",
    ],
)
def test_a_journal_that_lies_is_refused(journal: Journal, rows: object) -> None:
    journal.file(State.SWAPPING).write_text(json.dumps({"operations": rows, "emptied": [], "keep": False, "depth": 2}))
    for verb in (journals.complete, journals.back):
        with pytest.raises(MachineError, match=r"damaged|outside|not its own"):
            verb(journal)
        journal.file(State.UNDOING).exists() and journal.file(State.UNDOING).rename(journal.file(State.SWAPPING))
    assert there(journal)["a"] == b"old"
