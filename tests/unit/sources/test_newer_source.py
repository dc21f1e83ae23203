"""Real uv on a local index: what only exists as source is said, and never run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ResolveError
from slimtorch.host.connections import Settings
from slimtorch.host.fetch import HttpFetch
from slimtorch.host.process import run
from slimtorch.project.model import Requirements
from slimtorch.sources import newer_source, resolve, uv
from slimtorch.sources.indexes import configured
from slimtorch.sources.request import Request, Tools
from slimtorch.sources.target import Target
from tests.support.index import make_index
from tests.support.trapped_sdists import make_sdist
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path


class Place:
    """A project and an index; `trap` is written by whoever runs a build."""

    def __init__(self, root: Path) -> None:
        self.root, self.made, self.trap = root / "project", root / "made", root / "trap"
        self.root.mkdir()
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "PIP_CONFIG_FILE": os.devnull,
            "UV_CACHE_DIR": str(root / "uv-cache"),
            "UV_NO_CONFIG": "1",
            "PIP_INDEX_URL": (root / "index" / "simple").as_uri(),
        }
        self.tools = Tools(run, HttpFetch(Settings()), self.environ)
        self.index = root / "index"

    def wheel(self, name: str, version: str, *requires: str) -> None:
        make_wheel(self.made, name, version, requires=requires)

    def source(self, name: str, version: str) -> Path:
        return make_sdist(self.made, self.trap, name, version)

    def request(self, *lines: str, files: tuple[Path, ...] = ()) -> Request:
        make_index(self.index, self.made.iterdir())
        wanted = Requirements(files=files, inline=lines)
        return Request(wanted, Target("3.11"), configured(self.environ, self.root, requirements=wanted), self.root)

    def notes(self, *lines: str, files: tuple[Path, ...] = ()) -> list[str]:
        request = self.request(*lines, files=files)
        return newer_source.notes(resolve.resolve(request, self.tools).wheels, request, self.tools)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_trap_works(place: Place) -> None:
    """The same question without the guard runs the script: the other tests could fail."""
    place.source("demo", "2.0")
    request = place.request("demo")
    argv = [part for part in uv._argv(request, uv.PLAIN) if part != "--no-build"]
    run(argv, env=uv.uv_environment(request.indexes, place.environ), stdin=b"demo\n", cwd=place.root)
    assert place.trap.exists()


def test_a_newer_version_that_exists_only_as_source_is_said_and_not_built(place: Place) -> None:
    place.wheel("demo", "1.0")
    place.source("demo", "2.0")
    assert place.notes("demo") == [
        "demo 2.0 exists only as source for Python 3.11 on linux/amd64; 1.0 was taken, the newest with a wheel"
    ]
    assert not place.trap.exists()


def test_one_that_another_brings_is_said_as_well(place: Place) -> None:
    place.wheel("demo", "1.0")
    place.source("demo", "2.0")
    place.wheel("other", "1.0", "demo")
    assert [note.split()[0] for note in place.notes("other")] == ["demo"]
    assert not place.trap.exists()


@pytest.mark.parametrize("line", ["demo<2", "demo==1.0", "demo[more]~=1.0"])
def test_what_the_requirement_does_not_allow_is_not_said(place: Place, line: str) -> None:
    place.wheel("demo", "1.0")
    place.source("demo", "2.0")
    assert place.notes(line) == []


def test_limits_in_files_and_their_constraints_count(place: Place) -> None:
    place.wheel("demo", "1.0")
    place.source("demo", "2.0")
    (place.root / "limits.txt").write_text("demo<2\n")
    file = place.root / "requirements.txt"
    file.write_text("-c limits.txt\ndemo\n")
    assert place.notes(files=(file,)) == []
    file.write_text("demo\n")
    assert len(place.notes(files=(file,))) == 1


def test_a_limit_of_another_package_holds_it_back_and_not_the_lack_of_a_wheel(place: Place) -> None:
    place.wheel("demo", "1.0")
    place.wheel("demo", "1.5")
    place.source("demo", "2.0")
    place.wheel("other", "1.0", "demo<1.2")
    assert place.notes("other") == []


def test_a_newer_version_with_a_wheel_of_its_own_is_taken(place: Place) -> None:
    place.wheel("demo", "2.0")
    place.source("demo", "2.0")
    assert place.notes("demo") == []


def test_what_exists_only_as_source_is_refused_and_its_script_is_not_run(place: Place) -> None:
    place.source("demo", "2.0")
    request = place.request("demo")
    with pytest.raises(ResolveError, match="demo"):
        resolve.resolve(request, place.tools)
    assert not place.trap.exists()


def test_an_address_is_left_out(place: Place) -> None:
    place.wheel("demo", "1.0")
    source = place.source("demo", "2.0")
    request = place.request(f"demo @ {source.as_uri()}")
    found = resolve.resolve(place.request("demo"), place.tools)
    assert newer_source.notes(found.wheels, request, place.tools) == []
    assert not place.trap.exists()


def test_without_an_answer_nothing_is_said(place: Place) -> None:
    place.wheel("demo", "1.0")
    found = resolve.resolve(place.request("demo"), place.tools)
    (place.index / "simple" / "demo" / "index.html").unlink()
    assert newer_source.notes(found.wheels, place.request("missing"), place.tools) == []
