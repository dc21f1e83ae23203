"""What a project declares once its requirements were split."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.deps.model import Verdict
from slimtorch.deps.split.proposal import Wanted, propose, read
from slimtorch.project import declared
from slimtorch.project.config import load
from slimtorch.project.declared import with_files
from slimtorch.project.declared.halves import heading, is_half, superseded
from tests.support.projects import THREE_LINES, write
from tests.support.verdicts import verdicts

if TYPE_CHECKING:
    from pathlib import Path


def split(root: Path, name: str) -> None:
    known = verdicts(torch=Verdict.USED, black=Verdict.DEVELOPMENT)
    for change in propose(read([root / name], Wanted()), known, Wanted()).changes:
        change.path.write_bytes(change.after)


def rows(found: declared.Declarations) -> list[tuple[str, str, str]]:
    return sorted((item.name, item.group, item.location.path) for item in found.items)


def test_the_whole_gives_way_to_its_halves(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "torch\nblack\n"})
    split(tmp_path, "requirements.txt")
    assert rows(declared.read(tmp_path)) == [
        ("black", "dev", "requirements-dev.txt"),
        ("torch", "", "requirements-prod.txt"),
    ]


def test_a_file_that_no_split_wrote_supersedes_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "torch\nblack\n", "requirements-prod.txt": "torch\n"})
    assert ("black", "", "requirements.txt") in rows(declared.read(tmp_path))
    assert superseded([tmp_path / "requirements-prod.txt", tmp_path / "gone.txt"]) == frozenset()


def test_production_is_what_the_image_gets(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "torch\nblack\n", "slimtorch.toml": THREE_LINES, "serve.py": ""})
    split(tmp_path, "requirements.txt")
    assert load(tmp_path, platform="linux/amd64").requirements.origin == "requirements-prod.txt"


def test_a_named_file_is_production_whatever_it_is_called(tmp_path: Path) -> None:
    files = {"requirements-gpu.txt": "triton\n-r more.txt\n", "more.txt": "./wheel\n", "requirements.txt": "torch\n"}
    write(tmp_path, files)
    before = declared.read(tmp_path)
    assert ("triton", "gpu", "requirements-gpu.txt") in rows(before)
    found = with_files(before, [tmp_path / "requirements-gpu.txt"], tmp_path)
    assert rows(found) == [("torch", "", "requirements.txt"), ("triton", "", "requirements-gpu.txt")]
    assert [item.location.path for item in found.nameless] == ["more.txt"]
    assert with_files(before, [], tmp_path) is before


def test_headings() -> None:
    for prod in (True, False):
        assert is_half("# -*- coding: latin-1 -*-\n" + heading("a.txt", prod=prod) + "\n")
    assert not is_half("\n" * 5 + heading("a.txt", prod=True))
