"""``slimtorch deps check`` as a process, offline, with wheels of the test's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.shop import Done, Shop, Stock, open_shop, stock
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

APP = """\
import birds
from typing import TYPE_CHECKING

import nests

if TYPE_CHECKING:
    import feathers


def late():
    import eggs
"""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    return stock(tmp_path_factory.getbasetemp().parent / "shared")


@pytest.fixture
def world(made: Stock, tmp_path: Path) -> Shop:
    """A project without any configuration of slimtorch, and a folder of wheels."""
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "bird-watching", "1.0", {"birds/__init__.py": "x = 1\n" * 500}, requires=["nests>=1"])
    make_wheel(wheels, "nests", "1.2", {"nests.py": "x = 1\n"})
    make_wheel(wheels, "eggs", "2.0", {"eggs/__init__.py": "", "eggs/shell.py": ""})
    make_wheel(wheels, "feathers", "1.0", {"feathers.py": ""})
    make_wheel(wheels, "black", "24.1", {"black/__init__.py": "x = 1\n" * 900}, requires=["ink"])
    make_wheel(wheels, "ink", "1.0", {"ink.py": "x = 1\n" * 900})
    make_wheel(wheels, "worms", "3.0", {"worms/__init__.py": ""})
    make_wheel(wheels, "traps", "3.0", {"traps/__init__.py": ""})
    project = tmp_path / "bare"
    (project / "tests").mkdir(parents=True)
    (project / "app.py").write_text(APP)
    (project / "tests/test_app.py").write_text("import traps\n")
    (project / "requirements.txt").write_text("bird-watching\nfeathers\neggs\n\nblack\nworms\ntraps\n")
    shop = open_shop(made, tmp_path)
    env = {**shop.env, "PIP_FIND_LINKS": str(wheels)}
    return Shop(made, project, tmp_path / "cache", env)


def check(world: Shop, *arguments: str) -> dict[str, dict[str, object]]:
    done = world("deps", "check", "--format", "json", *arguments)
    assert done.status in {0, 1}, done.err
    return {one["name"]: one for one in done.json["dependencies"]}


def test_a_folder_with_requirements_is_enough(world: Shop) -> None:
    before = {path: path.stat().st_mtime_ns for path in world.project.rglob("*")}
    found = check(world)
    assert {name: one["verdict"] for name, one in found.items()} == {
        "bird-watching": "used",
        "nests": "undeclared",
        "eggs": "used",
        "feathers": "development",
        "black": "development",
        "worms": "unused",
        "traps": "tests",
    }
    assert found["nests"]["needed_by"] == ["bird-watching"]
    assert found["black"]["frees"]["unpacked"] > found["black"]["size"]["unpacked"] > 0  # type: ignore[index]
    assert {path: path.stat().st_mtime_ns for path in world.project.rglob("*")} == before


def test_what_a_file_imports_that_cannot_be_parsed_is_not_called_unused(world: Shop) -> None:
    (world.project / "old.py").write_text("import worms\nprint 'no Python 3'\n")
    (world.project / "tests/test_old.py").write_text("import traps\nprint 'no Python 3'\n")
    found = check(world)
    assert found["worms"]["verdict"] == "used"
    assert "old.py:1" in found["worms"]["why"]
    assert found["traps"]["verdict"] == "tests"


def test_a_name_that_is_only_known_at_run_time_is_said(world: Shop) -> None:
    (world.project / "load.py").write_text("import importlib\nimport sys\n\nimportlib.import_module(sys.argv[1])\n")
    assert "only known at run time: load.py:4" in world("deps", "check").err


def test_lists_of_apps_may_have_any_name(world: Shop) -> None:
    (world.project / "settings.py").write_text("EXTERNAL = ['worms']\nINSTALLED_APPS = ['django', *EXTERNAL]\n")
    assert check(world)["worms"]["verdict"] == "used"


def test_what_is_printed(world: Shop) -> None:
    done = world("deps", "check", env={"COLUMNS": "80"})
    assert done.status == 1
    assert max(map(len, done.out.split("\nwarning", 1)[0].splitlines())) <= 80
    rows = re.findall(r"^  ([\w-]+) +(unused|development|tests|undeclared|used)\b", done.out, re.MULTILINE)
    assert [verdict for _, verdict in rows] == [
        "unused", "development", "development", "tests", "undeclared", "used", "used",
    ]  # fmt: skip
    assert "requirements.txt:5: black: a formatter" in done.out
    assert "app.py:4: nests is imported, and it is there only through bird-watching" in done.out
    assert re.search(r"^development-only, tests-only and unused: \d+ kB of \d+ kB$", done.out, re.MULTILINE)
    assert "Traceback" not in done.err


def test_exit_codes(world: Shop) -> None:
    assert world("deps", "check", "--fail-on", "error").status == 0
    (world.project / "requirements.txt").write_text("nests\nbird-watching\neggs\n")
    (world.project / "tests/test_app.py").unlink()
    (world.project / "app.py").write_text("import birds, nests, eggs\n")
    assert world("deps", "check").ok()
    (world.project / "app.py").write_text("import birds, nests, eggs, beaks\n")
    assert world("deps", "check", "--fail-on", "error").status == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [("nests ==\n", "requirements.txt:1"), ("-r requirements.txt\n", "requirements.txt"), ("", "nothing says which")],
)
def test_bad_requirements_are_told(world: Shop, text: str, message: str) -> None:
    (world.project / "requirements.txt").write_text(text)
    refused(world("deps", "check"), message)


def test_a_project_that_is_not_there(world: Shop) -> None:
    refused(world("deps", "check", "nowhere"), "nowhere")
    refused(world("deps", "check", "app.py"), "neither a folder nor a slimtorch.toml")


def refused(done: Done, message: str) -> None:
    assert done.status == 2
    assert message in done.err
    assert "Traceback" not in done.err


def test_nothing_is_called_unused_where_nothing_can_be_resolved(world: Shop) -> None:
    env = {"PIP_FIND_LINKS": str(world.project / "tests")}
    done = world("deps", "check", "--format", "json", env=env)
    found = {one["name"]: one["verdict"] for one in done.json["dependencies"]}
    assert done.json["distributions"] == "names"
    assert "table of well-known names" in done.err
    assert "unused" not in found.values()
    assert (found["black"], found["eggs"], found["traps"]) == ("development", "used", "tests")
    assert {one["severity"] for one in done.json["findings"]} == {"warning"}


def test_a_package_that_exists_only_as_source_is_judged_by_its_name(world: Shop, tmp_path: Path) -> None:
    (tmp_path / "wheels" / "mud-1.0.tar.gz").write_bytes(b"not unpacked by anybody")
    (world.project / "requirements.txt").write_text("bird-watching\nmud\nworms\n")
    found = check(world)
    assert (found["mud"]["verdict"], found["worms"]["verdict"]) == ("optional", "unused")


def test_what_development_declares_does_not_reach_the_image(world: Shop) -> None:
    (world.project / "requirements.txt").write_text("bird-watching\nnests\n")
    (world.project / "requirements-dev.txt").write_text("eggs\nblack\n")
    done = world("deps", "check", "--format", "json")
    found = {one["name"]: one for one in done.json["dependencies"]}
    assert (found["eggs"]["verdict"], found["eggs"]["rule"]) == ("missing", "DEP710")
    assert (found["black"]["verdict"], found["black"]["rule"]) == ("development", None)


def test_a_configured_project_is_judged_by_its_lock_and_by_what_ships(made: Stock, tmp_path: Path) -> None:
    shop = open_shop(made, tmp_path)
    (shop.project / "explore.py").write_text("import parrot_seeds\n")
    shop.write("requirements.txt", "parrot-words\nparrot-seeds\n")
    assert shop.lock().ok()
    done = shop("deps", "check", "--format", "json", env={"PIP_FIND_LINKS": str(tmp_path)}).ok()
    found = {one["name"]: one for one in done.json["dependencies"]}
    assert done.json["distributions"] == "slimtorch.lock"
    assert (found["parrot-words"]["verdict"], found["parrot-seeds"]["verdict"]) == ("used", "indirect")
    shop.write("requirements.txt", "parrot-words\n")
    stale = shop("deps", "check", "--format", "json")
    assert "out of date: requirements.txt changed" in stale.err
    assert stale.json["distributions"] == "slimtorch.lock"
