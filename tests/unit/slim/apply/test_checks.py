"""Every symbol that resolved still resolves: asked of the whole tree, whatever it is slimmed as."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ProofError
from slimtorch.host.progress import Silent
from slimtorch.image.digest import of_bytes
from slimtorch.image.tree import Content, Entry, FileTree, Kind
from slimtorch.project.model import Profile, Slim
from slimtorch.slim import recipe
from slimtorch.slim import subject as subjects
from slimtorch.slim.apply import checks, folder
from slimtorch.slim.apply import tree as trees
from slimtorch.slim.model import Policy, Proposal
from tests.support.installations import SITE, Installation
from tests.support.shared_libraries import UNDEFINED, Named, make_library

if TYPE_CHECKING:
    from pathlib import Path

GIVES = make_library((Named("give"),), soname="libgives.so.1")
POOR = make_library((Named("other"),), soname="libgives.so.1")
TAKES = make_library(
    (Named("give", section=UNDEFINED, value=0),), soname="libtakes.so", needed=("libgives.so.1",), runpath="$ORIGIN"
)
LIB = f"{SITE}/talk/lib"
MISSES = f"{LIB}/libtakes.so no longer finds libgives.so.1"


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    made = Installation(tmp_path / "prefix")
    files = {"talk/__init__.py": b"", "talk/lib/libgives.so.1": GIVES, "talk/lib/libtakes.so": TAKES}
    made.add("talk", "1.0", files)
    return made


def policy(*drop: str) -> Policy:
    return Policy(Slim(Profile.NONE, drop=dict.fromkeys(drop, "not wanted")))


def slimmed_folder(made: Installation, wanted: Policy, *, dry: bool = False) -> None:
    place = subjects.located(made.site)
    assert place
    subject = subjects.of_folder(place)
    work = folder.preview if dry else folder.prepare
    work(place, subject, recipe.propose(subject, wanted), wanted, Silent())


def slimmed_tree(made: Installation, wanted: Policy, scratch: Path) -> trees.Applied:
    files = made.files().items()
    tree = FileTree(
        Entry(path, Kind.FILE, 0o644, content=Content(len(data), of_bytes(data), partial(BytesIO, data)), owner="app")
        for path, data in files
    )
    subject = subjects.of_tree(tree)
    scratch.mkdir()
    source = trees.Source(tree, subject, made.prefix, scratch)
    return trees.apply(source, wanted, recipe.propose(subject, wanted), Silent())


@pytest.mark.parametrize("dry", [True, False])
def test_a_folder_keeps_what_others_need(made: Installation, *, dry: bool) -> None:
    before = made.files()
    with pytest.raises(ProofError, match=MISSES) as error:
        slimmed_folder(made, policy("libgives.so.1"), dry=dry)
    assert error.value.failures == (("paths", f"{LIB}/libgives.so.1", MISSES),)
    assert "--keep libgives.so.1" in error.value.hint
    assert made.files() == before


def test_a_tree_keeps_what_others_need(made: Installation, tmp_path: Path) -> None:
    with pytest.raises(ProofError, match=MISSES):
        slimmed_tree(made, policy("libgives.so.1"), tmp_path / "new")


def test_a_link_by_which_it_was_found_is_needed_too(made: Installation) -> None:
    (made.site / "talk/lib/libgives.so.1").rename(made.site / "talk/lib/libgives.so.1.2")
    (made.site / "talk/lib/libgives.so.1").symlink_to("libgives.so.1.2")
    with pytest.raises(ProofError, match=MISSES):
        slimmed_folder(made, policy("libgives.so.1"))


def test_both_may_go_together(made: Installation, tmp_path: Path) -> None:
    applied = slimmed_tree(made, policy("talk/lib/*"), tmp_path / "new")
    assert LIB not in applied.tree
    slimmed_folder(made, policy("talk/lib/*"))


def test_a_new_file_without_a_symbol_that_is_needed(made: Installation, tmp_path: Path) -> None:
    place = subjects.located(made.site)
    assert place
    (tmp_path / "new").write_bytes(POOR)
    with pytest.raises(ProofError, match="nothing offers give any more"):
        checks.check_whole(subjects.of_folder(place), Proposal(), {f"{LIB}/libgives.so.1": tmp_path / "new"})
    (tmp_path / "new").write_bytes(GIVES)
    checks.check_whole(subjects.of_folder(place), Proposal(), {f"{LIB}/libgives.so.1": tmp_path / "new"})


def test_every_byte_is_in_the_ledger(made: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert slimmed_tree(made, policy("talk/__init__.py"), tmp_path / "new").ledger.savings
    honest = trees.savings.dropped
    monkeypatch.setattr(trees.savings, "dropped", lambda *given: replace(honest(*given), before=7, after=0))
    with pytest.raises(ProofError, match="bytes are left, not"):
        slimmed_tree(made, policy("talk/__init__.py"), tmp_path / "newer")
