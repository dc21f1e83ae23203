from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.deps.model import Verdict
from slimtorch.deps.split.diff import unified
from slimtorch.deps.split.files import Outputs
from slimtorch.deps.split.model import Place
from slimtorch.deps.split.proposal import Proposal, Wanted, propose, read
from slimtorch.deps.split.sources import choose, root_of
from slimtorch.errors import ConfigError, SlimtorchError, UsageError
from tests.support.projects import write
from tests.support.verdicts import verdict, verdicts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

KNOWN = verdicts(
    torch=Verdict.USED, numpy=Verdict.USED, pytest=Verdict.TESTS, black=Verdict.DEVELOPMENT, jupyter=Verdict.UNUSED
)


def proposed(root: Path, *names: str, wanted: Wanted | None = None, **files: str) -> Proposal:
    """Of files whose names have __ for a dot."""
    write(root, {name.replace("__", "."): text for name, text in files.items()})
    given = read([root / name for name in names or ("requirements.txt",)], wanted := wanted or Wanted())
    return propose(given, KNOWN, wanted)


def texts(found: Proposal) -> dict[str, str]:
    """What would be written, without the heads."""
    bare = {}
    for change in found.changes:
        lines = change.after.decode().splitlines(keepends=True)
        bare[change.path.name] = "".join(line for line in lines if not line.startswith(("# Written by", "\n")))
    return bare


def carry_out(found: Proposal) -> None:
    for change in found.changes:
        change.path.write_bytes(change.after)


def test_two_files_beside_the_source(tmp_path: Path) -> None:
    found = proposed(tmp_path, requirements__txt="torch\npytest\njupyter\n")
    assert texts(found) == {
        "requirements-prod.txt": "torch\n",
        "requirements-dev.txt": "-r requirements-prod.txt\npytest\njupyter\n",
    }
    assert [(path.name, move.line, str(move.decision.to)) for path, move in found.moves] == [
        ("requirements.txt", 1, "prod"),
        ("requirements.txt", 2, "dev"),
        ("requirements.txt", 3, "dev"),
    ]
    assert not any(change.foreign for change in found.changes)


def test_the_diff_shows_what_leaves(tmp_path: Path) -> None:
    prod, dev = (change.diff for change in proposed(tmp_path, requirements__txt="torch\npytest").changes)
    assert f"--- {tmp_path}/requirements.txt\n+++ {tmp_path}/requirements-prod.txt\n" in prod
    assert "\n-pytest\n\\ No newline at end of file\n" in prod
    assert dev.startswith(f"--- /dev/null\n+++ {tmp_path}/requirements-dev.txt\n")
    assert "\n+pytest\n\\ No newline at end of file\n" in dev


def test_the_second_time_there_is_nothing_to_do(tmp_path: Path) -> None:
    carry_out(proposed(tmp_path, requirements__txt="torch\npytest\n"))
    assert proposed(tmp_path).changes == ()
    assert proposed(tmp_path, "requirements-prod.txt").changes == ()
    (found,) = proposed(tmp_path, requirements__txt="torch\npytest\nnumpy\n").changes
    assert (found.path.name, found.foreign) == ("requirements-prod.txt", False)
    assert f"--- {tmp_path}/requirements-prod.txt" in found.diff
    (found,) = proposed(tmp_path, requirements__txt="torch\n").changes
    assert found.path.name == "requirements-dev.txt"
    assert b"pytest" not in found.after


def test_a_file_of_somebody_else_is_told_apart(tmp_path: Path) -> None:
    found = proposed(tmp_path, requirements__txt="torch\npytest\n", **{"requirements-dev__txt": "mypy\n"})
    assert {change.path.name: change.foreign for change in found.changes} == {
        "requirements-prod.txt": False,
        "requirements-dev.txt": True,
    }


def test_nothing_to_split(tmp_path: Path) -> None:
    found = proposed(tmp_path, requirements__txt="torch\n")
    assert (found.changes, found.notes) == ((), (f"nothing in {tmp_path}/requirements.txt is for development only",))
    found = proposed(tmp_path, requirements__txt="pytest\n")
    assert found.changes == ()
    assert "everything in" in found.notes[0]


def test_names_of_the_files(tmp_path: Path) -> None:
    wanted = Wanted(outputs=Outputs("base.in", "all.in"))
    found = proposed(tmp_path, "req.in", wanted=wanted, req__in="torch\npytest\n")
    assert texts(found) == {"base.in": "torch\n", "all.in": "-r base.in\npytest\n"}


@pytest.mark.parametrize("outputs", [Outputs("../a.txt"), Outputs("a.txt", "a.txt"), Outputs(dev="requirements.txt")])
def test_names_that_cannot_be(tmp_path: Path, outputs: Outputs) -> None:
    with pytest.raises(UsageError):
        proposed(tmp_path, wanted=Wanted(outputs=outputs), requirements__txt="torch\npytest\n")


def test_names_for_several_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one requirements file"):
        proposed(
            tmp_path, "a.txt", "b.txt", wanted=Wanted(outputs=Outputs("p.txt")), a__txt="torch\n", b__txt="numpy\n"
        )


def test_the_user_decides_about_what_is_there(tmp_path: Path) -> None:
    found = proposed(tmp_path, wanted=Wanted({"torch": Place.DEV}), requirements__txt="torch\nnumpy\n")
    assert texts(found)["requirements-prod.txt"] == "numpy\n"
    with pytest.raises(UsageError, match="there is no such requirement; did you mean `numpy`"):
        proposed(tmp_path, wanted=Wanted({"nunpy": Place.DEV}))


# -- includes ---------------------------------------------------------------------------------------------------------


def test_an_included_file_goes_where_its_requirements_go(tmp_path: Path) -> None:
    found = proposed(
        tmp_path,
        requirements__txt="-r base.txt\n-r tools.txt\n-r deep.txt\n",
        base__txt="torch\n",
        tools__txt="black\n",
        deep__txt="-r tools.txt\n",
    )
    assert texts(found) == {
        "requirements-prod.txt": "-r base.txt\n",
        "requirements-dev.txt": "-r requirements-prod.txt\n-r tools.txt\n-r deep.txt\n",
    }


def test_a_mixed_included_file_stays_whole_until_it_is_given(tmp_path: Path) -> None:
    files = {"requirements__txt": "-r sub/base.txt\njupyter\n", "sub/base__txt": "torch\nblack\n"}
    found = proposed(tmp_path, **files)
    assert texts(found)["requirements-prod.txt"] == "-r sub/base.txt\n"
    assert "sub/base.txt holds requirements of development too" in found.notes[0]
    both = proposed(tmp_path, "requirements.txt", "sub/base.txt")
    assert texts(both) == {
        "requirements-prod.txt": "-r sub/base-prod.txt\n",
        "requirements-dev.txt": "-r requirements-prod.txt\n-r sub/base-dev.txt\njupyter\n",
        "base-prod.txt": "torch\n",
        "base-dev.txt": "-r base-prod.txt\nblack\n",
    }


# -- what is said -----------------------------------------------------------------------------------------------------


def test_what_a_split_does_not_mend_is_said(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "torch\n"})
    known = {
        "torch": KNOWN["torch"],
        "requests": verdict("requests", Verdict.MISSING, used=True),
        "numpy": verdict("numpy", Verdict.UNDECLARED, "torch", used=True),
    }
    notes = propose(read([tmp_path / "requirements.txt"], Wanted()), known, Wanted()).notes
    assert "requests is imported (app.py:3) and declared nowhere; a split adds nothing" in notes
    assert any(note.startswith("numpy is imported (app.py:3) and only there because") for note in notes)


def test_a_file_that_a_tool_writes_is_said(tmp_path: Path) -> None:
    head = "# This file was autogenerated by uv via the following command:\n"
    found = proposed(tmp_path, requirements__txt=f"{head}torch\n    # via -r requirements.in\npytest\n")
    assert found.changes
    assert "is written by a tool" in found.notes[0]


def test_locks_that_a_changed_pyproject_leaves_behind_are_said(tmp_path: Path) -> None:
    found = proposed(
        tmp_path, "pyproject.toml", pyproject__toml='[project]\ndependencies = ["torch", "black"]\n', uv__lock=""
    )
    assert found.notes == ("uv.lock does not fit any more: run `uv lock`",)
    assert b'dev = ["black"]' in found.changes[0].after
    carry_out(found)
    assert proposed(tmp_path, "pyproject.toml").changes == ()


# -- bytes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "first"), [("utf-8-sig", ""), ("utf-16", ""), ("latin-1", "# -*- coding: latin-1 -*-\n")]
)
def test_the_encoding_is_kept(tmp_path: Path, encoding: str, first: str) -> None:
    (tmp_path / "requirements.txt").write_bytes(f"{first}# für den Dienst\ntorch\n# prüft\npytest\n".encode(encoding))
    prod, dev = proposed(tmp_path).changes
    assert "# für den Dienst\ntorch\n" in prod.after.decode(encoding)
    assert "# prüft\npytest\n" in dev.after.decode(encoding)
    carry_out(proposed(tmp_path))
    assert proposed(tmp_path).changes == ()


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "does not exist"),
        ({"requirements__txt": "torch\n!!\n"}, "requirements.txt:2: "),
        ({"requirements__txt": "-r gone.txt\ntorch\n"}, "gone.txt does not exist"),
        ({"requirements__txt": "-r requirements.txt\ntorch\n"}, "includes itself"),
        ({"requirements__txt": "torch==1\n-r b.txt\n", "b__txt": "torch==2\n"}, "torch==2"),
        ({"requirements__txt": "# nothing\n\n"}, "holds no requirements"),
        ({"requirements__txt": "# A title\n\nSome words that are a text.\n"}, "requirements.txt:3: "),
    ],
)
def test_files_that_cannot_be_understood(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(SlimtorchError) as caught:
        proposed(tmp_path, **files)
    assert message in caught.value.message


def test_two_files_that_pin_different_versions(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        proposed(tmp_path, "a.txt", "b.txt", a__txt="torch==2.8\n", b__txt="\ntorch==2.9\n")
    assert "a.txt:1" in caught.value.message
    assert "b.txt:2" in caught.value.message


def test_binary_files(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"\x89PNG\0\xff")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        proposed(tmp_path)
    (tmp_path / "pyproject.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        proposed(tmp_path, "pyproject.toml")


# -- what can be split ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["uv.lock", "poetry.lock", "pylock.toml", "pylock.dev.toml", "Pipfile.lock", "setup.py", "x.toml", "Pipfile"],
)
def test_what_cannot_be_split(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(UsageError) as caught:
        choose([tmp_path / name])
    assert name in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("present", "chosen"),
    [
        (("requirements.txt", "pyproject.toml", "uv.lock"), ("requirements.txt",)),
        (("requirements.in", "pyproject.toml"), ("requirements.in",)),
        (("pyproject.toml", "uv.lock"), ("pyproject.toml",)),
    ],
)
def test_a_folder_stands_for_its_requirements(tmp_path: Path, present: Iterable[str], chosen: Iterable[str]) -> None:
    write(tmp_path, dict.fromkeys(present, ""))
    assert choose([tmp_path]) == tuple(tmp_path / name for name in chosen)


def test_a_folder_whose_configuration_names_its_requirements(tmp_path: Path) -> None:
    write(tmp_path, {"slimtorch.toml": 'requirements = ["a.txt", "b.txt"]\n', "a.txt": "", "b.txt": ""})
    assert choose([tmp_path, tmp_path / "a.txt"]) == (tmp_path / "a.txt", tmp_path / "b.txt")


def test_a_folder_without_requirements(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds neither"):
        choose([tmp_path])


def test_the_project_of_a_file(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "", "requirements/base.txt": "", "a/b/c/d/e/r.txt": ""})
    assert root_of(tmp_path / "requirements/base.txt") == tmp_path
    assert root_of(tmp_path) == tmp_path
    assert root_of(tmp_path / "a/b/c/d/e/r.txt") == tmp_path / "a/b/c/d/e"


def test_equal_texts_have_no_diff() -> None:
    assert unified("a\n", "a\n", ("x", "y")) == ""
    assert unified("a\x0cb\n", "a\x0cc\n", ("x", "y")).count("\n") == 5
