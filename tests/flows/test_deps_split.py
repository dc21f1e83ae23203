"""``slimtorch deps split`` as a process: what it shows and writes, and that the halves install what the whole did."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import slimtorch
from tests.support.index import make_index
from tests.support.projects import write
from tests.support.refusal import refused
from tests.support.shop import Done
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUIREMENTS = """\
# --- serving ---
pkg-web[fast]>=1  # answers
pkg-model==2.0 ; python_version >= "3.8"

# --- tools ---
# formats
black
pytest~=1.0
pkg-left
"""
PROD = """\
# Written by `slimtorch deps split` from requirements.txt.

# --- serving ---
pkg-web[fast]>=1  # answers
pkg-model==2.0 ; python_version >= "3.8"
"""
DEV = """\
-r requirements-prod.txt
# Written by `slimtorch deps split` from requirements.txt: what production does without.

# --- tools ---
# formats
black
pytest~=1.0
pkg-left
"""
SERVICE = {
    "serve.py": "import pkg_web\nfrom pkg_model import load\n",
    "tests/test_serve.py": "import pytest\n",
    "requirements.txt": REQUIREMENTS,
}
PYPROJECT = """\
[project]
name = "svc"
version = "1"
dependencies = [
  "pkg-web",  # answers
  "pkg-model",
  "black",
  # tests
  "pytest",
]
"""


@dataclass(frozen=True)
class Desk:
    """A project and the packages that there are."""

    project: Path
    simple: Path
    cache: Path

    @property
    def env(self) -> Mapping[str, str]:
        private = ("PIP_", "UV_", "SLIMTORCH_", "XDG_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(private)}
        source = str(Path(slimtorch.__file__).parents[1])
        own = {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "PIP_INDEX_URL": self.simple.as_uri()}
        return {
            **kept,
            **own,
            "PYTHONPATH": source,
            "HOME": str(self.cache),
            "NO_COLOR": "1",
            "COLUMNS": "200",
            "LANG": "C.UTF-8",
        }

    def argv(self, *arguments: str) -> list[str]:
        words = [
            "-m",
            "slimtorch",
            "--cache-dir",
            str(self.cache),
            "-C",
            str(self.project),
            "deps",
            "split",
            *arguments,
        ]
        return [sys.executable, *words]

    def __call__(self, *arguments: str) -> Done:
        done = subprocess.run(
            self.argv(*arguments),
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def read(self, name: str) -> str:
        return (self.project / name).read_text()

    def names(self) -> set[str]:
        return {path.name for path in self.project.iterdir()}

    def resolved(self, *arguments: str) -> list[str]:
        """What uv would install, with hashes."""
        argv = [sys.executable, "-m", "uv", "pip", "compile", "-q", "--no-header", "--no-annotate", "--generate-hashes"]
        argv += ["--index-url", self.simple.as_uri(), "--no-cache", *arguments]
        done = subprocess.run(
            argv, cwd=self.project, env=self.env, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return sorted(done.stdout.replace("\\\n", "").splitlines())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    needs = {
        ("pkg-web", "1.2"): ["pkg-core", "pkg-fast ; extra == 'fast'"],
        ("pkg-model", "2.0"): ["pkg-core>=1"],
        ("pkg-model", "3.0"): [],
        ("pkg-core", "1.0"): [],
        ("pkg-fast", "1.0"): [],
        ("black", "1.0"): ["pkg-click"],
        ("pytest", "1.1"): ["pkg-core", "pkg-plug"],
        ("pytest", "2.0"): [],
        ("pkg-click", "1.0"): [],
        ("pkg-plug", "1.0"): [],
        ("pkg-left", "1.0"): [],
    }
    made = [
        make_wheel(tmp_path / "wheels", name, version, {f"{name.replace('-', '_')}.py": ""}, requires=requires)
        for (name, version), requires in needs.items()
    ]
    (tmp_path / "cache").mkdir()
    return Desk(write(tmp_path / "svc", SERVICE), make_index(tmp_path / "index", made), tmp_path / "cache")


def test_it_shows_and_writes_nothing(desk: Desk) -> None:
    before = desk.names()
    done = desk("requirements.txt").ok()
    assert "--- requirements.txt\n+++ requirements-prod.txt\n" in done.out
    assert "\n-pytest~=1.0\n" in done.out
    assert "--- /dev/null\n+++ requirements-dev.txt\n" in done.out
    assert "\x1b" not in done.out
    for words in ("serve.py:1 imports it", "only tests import it: tests/test_serve.py:1", "nothing imports pkg_left"):
        assert words in " ".join(done.err.split())
    assert "nothing was written; --write does" in done.err
    assert desk.names() == before


def test_it_writes_both_and_then_has_nothing_to_do(desk: Desk) -> None:
    (desk.project / "requirements.txt").chmod(0o640)
    assert desk("requirements.txt", "--write").ok().references == ["requirements-prod.txt", "requirements-dev.txt"]
    assert (desk.read("requirements-prod.txt"), desk.read("requirements-dev.txt")) == (PROD, DEV)
    assert desk.read("requirements.txt") == REQUIREMENTS
    assert (desk.project / "requirements-dev.txt").stat().st_mode & 0o777 == 0o640
    assert desk.names() == {*SERVICE, "tests", "requirements-prod.txt", "requirements-dev.txt"} - {
        "tests/test_serve.py"
    }
    for arguments in (["requirements.txt"], [], ["requirements.txt", "--write"]):
        again = desk(*arguments).ok()
        assert again.out == ""
        assert "there is nothing to do" in again.err


def test_the_halves_install_what_the_whole_did(desk: Desk) -> None:
    desk("--write").ok()
    assert desk.resolved("requirements-dev.txt") == desk.resolved("requirements.txt")
    prod = desk.resolved("requirements-prod.txt")
    assert {line.partition("==")[0] for line in prod} == {"pkg-web", "pkg-model", "pkg-core", "pkg-fast"}


def test_a_list_with_hashes_of_everything(desk: Desk) -> None:
    whole = [sys.executable, "-m", "uv", "pip", "compile", "-q", "--generate-hashes", "requirements.txt", "--no-cache"]
    whole += ["--index-url", desk.simple.as_uri(), "-o", "frozen.txt"]
    subprocess.run(whole, cwd=desk.project, env=desk.env, check=True, timeout=60)
    before = desk.resolved("frozen.txt")
    done = desk("frozen.txt", "--write").ok()
    assert "frozen.txt is written by a tool" in done.err
    kept = {line.partition("==")[0] for line in desk.resolved("--no-deps", "frozen-prod.txt")}
    assert kept == {"pkg-web", "pkg-model", "pkg-core", "pkg-fast"}
    assert desk.resolved("--no-deps", "frozen-prod.txt") == desk.resolved("frozen-prod.txt")
    assert desk.resolved("frozen-dev.txt") == before
    assert "pytest==1.1 \\\n    --hash=sha256:" in desk.read("frozen-dev.txt")
    assert "\n    # via -r requirements.txt\n" in desk.read("frozen-dev.txt")


def test_dependency_groups(desk: Desk) -> None:
    write(desk.project, {"pyproject.toml": PYPROJECT})
    before = desk.resolved("pyproject.toml")
    assert desk("pyproject.toml", "--write").ok().references == ["pyproject.toml"]
    assert desk.read("pyproject.toml") == (
        '[project]\nname = "svc"\nversion = "1"\ndependencies = [\n  "pkg-web",  # answers\n  "pkg-model",\n]\n\n'
        '[dependency-groups]\ntest = [\n  # tests\n  "pytest",\n]\n'
        'dev = [\n  {include-group = "test"},\n  "black",\n]\n'
    )
    assert desk.resolved("pyproject.toml", "--group", "dev") == before
    assert desk("pyproject.toml").ok().out == ""


def test_json(desk: Desk) -> None:
    found = desk("--format", "json").ok().json
    assert [(row["line"], row["name"], row["to"]) for row in found["requirements"]] == [
        (2, "pkg-web", "prod"),
        (3, "pkg-model", "prod"),
        (7, "black", "dev"),
        (8, "pytest", "dev"),
        (9, "pkg-left", "dev"),
    ]
    assert [file["path"] for file in found["files"]] == ["requirements-prod.txt", "requirements-dev.txt"]
    assert not found["written"]
    assert json.loads(desk("--format", "json", "--write").ok().out)["written"]
    assert "requirements-dev.txt" in desk.names()


def test_the_user_decides(desk: Desk) -> None:
    desk("--write", "--prod", "Black", "--dev", "pkg_model", "--prod-file", "base.txt", "--dev-file", "all.txt").ok()
    assert "pkg-model" not in desk.read("base.txt")
    assert "# formats\nblack\n" in desk.read("base.txt")
    assert desk.read("all.txt").startswith("-r base.txt\n")
    assert desk.resolved("all.txt") == desk.resolved("requirements.txt")


def test_what_is_missing_is_said_and_not_added(desk: Desk) -> None:
    write(desk.project, {"other.py": "import nowhere_to_be_found\n"})
    done = desk("--write").ok()
    assert "nowhere" in done.err
    assert "declared nowhere; a split adds nothing" in done.err
    assert "nowhere" not in desk.read("requirements-prod.txt")


@pytest.mark.parametrize(("answer", "written"), [("y\n", True), ("\n", False), ("no\n", False)])
def test_a_terminal_is_asked(desk: Desk, tmp_path: Path, answer: str, *, written: bool) -> None:
    terminal, side = pty.openpty()
    said = b""
    try:
        os.write(terminal, answer.encode())
        with (
            (tmp_path / "out").open("wb") as out,
            subprocess.Popen(desk.argv(), env=desk.env, stdin=side, stdout=out, stderr=side) as process,
        ):
            os.close(side)
            while part := _from(terminal):
                said += part
            assert process.wait(60) == 0
    finally:
        os.close(terminal)
    assert "write requirements-prod.txt and requirements-dev.txt? [y/N]" in said.decode()
    assert ("requirements-dev.txt" in desk.names()) == written
    assert (tmp_path / "out").read_text().endswith("requirements-prod.txt\nrequirements-dev.txt\n") == written


def _from(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # what Linux says once the other side is closed
        return b""


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_a_file_of_somebody_else_is_not_replaced(desk: Desk) -> None:
    write(desk.project, {"requirements-dev.txt": "mypy\n"})
    assert desk().ok().out
    refused(desk("--write"), "requirements-dev.txt is there, and no split wrote it", hint="--force")
    assert desk.read("requirements-dev.txt") == "mypy\n"
    assert "requirements-prod.txt" not in desk.names()
    desk("--write", "--force").ok()
    assert desk.read("requirements-dev.txt") == DEV


def test_files_that_cannot_be_split(desk: Desk) -> None:
    write(
        desk.project, {"uv.lock": "", "bad.txt": "torch\n!!\n", "setup.cfg": "", "a.txt": "b==1\n", "b.txt": "b==2\n"}
    )
    refused(desk("gone.txt"), "gone.txt: does not exist", hint="requirements file")
    refused(desk("uv.lock"), "uv.lock is a lock", hint="split pyproject.toml")
    refused(desk("setup.cfg"), "setup.cfg cannot be split", hint="pyproject")
    refused(desk("bad.txt"), "bad.txt:2: ", hint=None)
    refused(desk("a.txt", "b.txt"), "a.txt:1", "b.txt:1", hint=None)
    refused(desk("--dev", "blakc"), "--dev blakc: there is no such requirement; did you mean `black`?", hint="name")
    refused(desk("--dev", "black", "--prod", "black"), "both", hint="help")


def test_a_folder_that_cannot_be_written_to(desk: Desk, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        # Root may write everywhere but where a folder is in the way.
        (desk.project / "requirements-dev.txt").mkdir()
        refused(desk("--write"), "requirements-dev.txt", hint=None)
    else:
        desk.project.chmod(0o500)
        refused(desk("--write"), "cannot be written", hint="nothing was changed")
        desk.project.chmod(0o700)
    assert "requirements-prod.txt" not in desk.names()
    assert tmp_path.exists()
