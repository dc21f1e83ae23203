from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.project.declared import read
from slimtorch.project.model import Requirements
from tests.support.declarations import rows
from tests.support.projects import write

if TYPE_CHECKING:
    from pathlib import Path

PYPROJECT = """\
[project]
name = "svc"
dependencies = ["torch>=2"]
optional-dependencies.gpu = ["triton"]
[dependency-groups]
serve = ["uvicorn"]
dev = ["ruff"]
"""


def test_the_files_of_the_project_are_production(tmp_path: Path) -> None:
    files = {"requirements.txt": "six\n", "requirements-dev.txt": "-r run.txt\nblack\n", "run.txt": "-r more.txt\n"}
    write(tmp_path, files | {"more.txt": "torch\n", "pyproject.toml": PYPROJECT})
    assert rows(read(tmp_path, Requirements(files=(tmp_path / "run.txt",), origin="run.txt"))) == [
        ("", "torch", "more.txt:1"),
        ("dev", "black", "requirements-dev.txt:2"),
        ("dev", "ruff", "pyproject.toml:7"),
        ("extra:gpu", "triton", "pyproject.toml:4"),
        ("serve", "uvicorn", "pyproject.toml:6"),
    ]


def test_a_development_file_may_be_production(tmp_path: Path) -> None:
    write(tmp_path, {"requirements-dev.txt": "six\n"})
    assert rows(read(tmp_path, Requirements(files=(tmp_path / "requirements-dev.txt",)))) == [
        ("", "six", "requirements-dev.txt:1")
    ]


def test_a_compiled_file_of_the_project_gives_way_to_its_source(tmp_path: Path) -> None:
    write(tmp_path, {"requirements.txt": "six==1\n", "requirements.in": "# c\nsix\n"})
    assert rows(read(tmp_path, Requirements(files=(tmp_path / "requirements.txt",)))) == [
        ("", "six", "requirements.in:2")
    ]


def test_chosen_groups_and_extras_are_production(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": PYPROJECT, "requirements.txt": "six\n", "uv.lock": ""})
    inline = Requirements(inline=("torch>=2",), origin="pyproject.toml", groups=("serve",), extras=("gpu",))
    lock = Requirements(lock=tmp_path / "uv.lock", origin="uv.lock", groups=("serve",), extras=("gpu",))
    expected = [
        ("", "torch>=2", "pyproject.toml:3"),
        ("", "triton", "pyproject.toml:4"),
        ("", "uvicorn", "pyproject.toml:6"),
        ("dev", "ruff", "pyproject.toml:7"),
    ]
    assert rows(read(tmp_path, inline)) == rows(read(tmp_path, lock)) == expected


def test_a_lock_that_stands_alone(tmp_path: Path) -> None:
    text = """\
lock-version = "1.0"
[[packages]]
name = "torch"
version = "2.9.1"
dependencies = [{name = "sympy"}]
[[packages]]
name = "sympy"
version = "1.14"
marker = "os_name == 'posix'"
"""
    write(tmp_path, {"pylock.toml": text})
    found = read(tmp_path, Requirements(lock=tmp_path / "pylock.toml", origin="pylock.toml"))
    assert rows(found) == [
        ("", 'sympy==1.14; os_name == "posix"', "pylock.toml:7"), ("", "torch==2.9.1", "pylock.toml:3"),
    ]  # fmt: skip
    assert {one.name: one.via for one in found.items} == {"torch": (), "sympy": ("torch",)}
