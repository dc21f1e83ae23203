from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.project.model import Profile, Slim
from slimtorch.slim import recipe
from slimtorch.slim import subject as subjects
from slimtorch.slim.model import Drop, Edit, Pass, Policy, Proposal, Stub, Trim
from slimtorch.tables.gpus import find
from tests.support.installations import SITE, Installation, make_installation

if TYPE_CHECKING:
    from pathlib import Path

H100 = find("h100")
assert H100
CUDA, CPU = f"{SITE}/torch/lib/libtorch_cuda.so", f"{SITE}/torch/lib/libtorch_cpu.so"


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    return make_installation(tmp_path / "prefix")


def proposed(made: Installation, slim: Slim | None = None) -> Proposal:
    place = subjects.located(made.site)
    assert place
    assert H100
    return recipe.propose(subjects.of_folder(place), Policy(slim or Slim(), (H100,)))


def edits(made: Installation, slim: Slim | None = None) -> dict[str, Edit]:
    return {edit.path: edit for edit in proposed(made, slim).edits}


def test_a_library_is_written_once_for_both_reasons(made: Installation) -> None:
    assert H100
    assert edits(made)[CUDA] == Trim(CUDA, bare=True, gpus=(H100,))
    assert edits(made)[CPU] == Trim(CPU, bare=True)


def test_what_goes_is_not_written_anew(made: Installation) -> None:
    found = edits(made, Slim(drop={"libtorch_cpu.so": "mine"}))
    assert found[CPU] == Drop(CPU, Pass.PATHS, "mine")
    assert isinstance(found[f"{SITE}/torch/lib/libtorch.so"], Drop), "a link that would lead nowhere"


def test_what_is_kept_is_not_touched_and_said(made: Installation) -> None:
    found = proposed(made, Slim(keep={"torch/lib/*": "mine", "words/**": "too"}, drop={"libtorch_cpu.so": "no"}))
    assert not [edit.path for edit in found.edits if "/lib/lib" in edit.path or "/words/" in edit.path]
    assert ("kept: mine") in {note.text for note in found.notes if note.path == CUDA}


def test_the_profile_none_leaves_all_but_the_users_own(made: Installation) -> None:
    assert edits(made, Slim(Profile.NONE, drop={"words/__init__.py": "mine"})).keys() == {f"{SITE}/words/__init__.py"}


def test_a_file_with_two_names_is_proposed_once(made: Installation) -> None:
    (made.site / "torch/lib/a.so").hardlink_to(made.prefix / CPU)
    found = edits(made)
    assert f"{SITE}/torch/lib/a.so" in found
    assert CPU not in found


def test_a_link_to_a_folder_goes_with_all_of_it(made: Installation) -> None:
    (made.site / "words/link").symlink_to("tests")
    (made.site / "words/other").symlink_to(".")
    found = edits(made)
    assert isinstance(found[f"{SITE}/words/link"], Drop)
    assert f"{SITE}/words/other" not in found


def test_edits_come_by_path(made: Installation) -> None:
    paths = [edit.path for edit in proposed(made).edits]
    assert paths == sorted(paths)


@pytest.mark.parametrize(
    ("edit", "passes"),
    [
        (Drop("a", Pass.TRACED, ""), (Pass.TRACED,)),
        (Stub("a", "nccl", ""), (Pass.STUBS,)),
        (Trim("a", bare=True), (Pass.SYMBOLS,)),
        (Trim("a", bare=True, gpus=(H100,)), (Pass.SYMBOLS, Pass.DEVICE_CODE)),
        (Trim("a", gpus=(H100,)), (Pass.DEVICE_CODE,)),
    ],
)
def test_which_passes_an_edit_is_of(edit: Edit, passes: tuple[Pass, ...]) -> None:
    assert recipe.passes_of(edit) == passes
    assert recipe.used(Proposal((edit,))) == passes
