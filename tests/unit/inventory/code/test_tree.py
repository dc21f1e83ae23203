"""What is walked, what is left out, and what is said about it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from slimtorch.inventory.code import Form, Role, Scope, read
from slimtorch.inventory.code import tree as walking
from tests.unit.inventory.code.test_own import tree

if TYPE_CHECKING:
    from pathlib import Path


def files(root: Path, scope: Scope = Scope()) -> list[str]:  # noqa: B008 - a frozen value
    return sorted({one.location.path for one in read(root, scope).imports})


def test_folders_that_are_no_source(tmp_path: Path) -> None:
    left_out = [
        ".git/x.py", ".github/x.py", ".venv/x.py", "here/pyvenv.cfg", "here/lib/x.py", "conda/conda-meta/history",
        "conda/x.py", "node_modules/x.py", "a/__pycache__/x.py", "a.egg-info/x.py", "build/x.py", "dist/x.py",
        "a/site-packages/x.py", "sub/setup.py", "sub/build/lib/x.py", "types.pyi", "book.ipynb", "text.txt",
    ]  # fmt: skip
    kept = ["app/build/x.py", "sub/app/dist/x.py", "env/x.py", "venv.py", "build2/x.py", "sub/setup.py"]
    tree(tmp_path, dict.fromkeys([*left_out, *kept], "import numpy"))
    assert files(tmp_path) == sorted(kept)


def test_a_package_called_build_is_source(tmp_path: Path) -> None:
    assert files(tree(tmp_path, {"build/__init__.py": "import numpy"})) == ["build/__init__.py"]


def test_excluded_folders(tmp_path: Path) -> None:
    tree(tmp_path, dict.fromkeys(["a/x.py", "b/c/x.py", "b/d/x.py"], "import numpy"))
    assert files(tmp_path, Scope(exclude=("a", "b/c/"))) == ["b/d/x.py"]


def test_links_are_names_only(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    tree(root, {"shared/lib/__init__.py": "import numpy", "api/main.py": "import lib.x"})
    tree(outside, {"secret.py": "import pandas", "more/x.py": "import pandas"})
    (root / "api" / "lib").symlink_to("../shared/lib")
    (root / "api" / "Dockerfile").touch()
    (root / "shared" / "circle").symlink_to("..")
    (root / "secret.py").symlink_to(outside / "secret.py")
    (root / "more").symlink_to(outside / "more")
    (root / "broken.py").symlink_to("nothing.py")
    (root / "self.py").symlink_to("self.py")
    code = read(root)
    assert [one.module for one in code.imports if one.module in {"numpy", "pandas"}] == ["numpy"]
    assert [(one.location.path, one.reason) for one in code.skipped] == [
        ("secret.py", "a link that leaves the project")
    ]


def test_two_links_into_each_other_end(tmp_path: Path) -> None:
    tree(tmp_path, {"a/x.py": "import numpy", "b/y.py": "import numpy"})
    (tmp_path / "a" / "b").symlink_to("../b")
    (tmp_path / "b" / "a").symlink_to("../a")
    assert files(tmp_path) == ["a/x.py", "b/y.py"]


def test_large_files_and_deep_folders_are_skipped(tmp_path: Path) -> None:
    deep = "/".join(["d"] * 70)
    tree(
        tmp_path,
        {
            "table.py": "import numpy\n" + "x = 1\n" * 400_000 + "import yaml\n",
            f"{deep}/x.py": "import numpy",
            "main.py": "",
        },
    )
    code = read(tmp_path)
    assert code.files == 1
    assert [one.reason for one in code.skipped] == ["more than 60 folders deep", "larger than 2 MB"]
    assert [(one.module, one.form) for one in code.imports] == [("numpy", Form.OPTIONAL)]


@pytest.mark.parametrize(
    "first",
    [
        "#!/usr/bin/env python3", "#!/usr/bin/python", "#! /opt/x/bin/python3.11 -u",
        "#!/usr/bin/env -S uv run --script", "#!/usr/bin/env pypy3",
    ],
)  # fmt: skip
def test_programs_without_a_suffix(tmp_path: Path, first: str) -> None:
    text = f"{first}\nimport numpy\n"
    tree(tmp_path, dict.fromkeys(["bin/serve", "tests/run", "gui.pyw", ".hidden", ".x.pyw", "a.txt", ".git/run"], text))
    (tmp_path / "bin" / "link").symlink_to("serve")
    code = read(tmp_path)
    found = [(one.location.path, one.location.line, one.role) for one in code.imports]
    assert found == [("bin/serve", 2, Role.SERVICE), ("gui.pyw", 2, Role.SERVICE), ("tests/run", 2, Role.TESTS)]
    assert "serve" not in code.own


@pytest.mark.parametrize("text", ["#!/bin/sh\n# python\nimport numpy", "import numpy", "", "\n#!python\nimport numpy"])
def test_other_files_without_a_suffix(tmp_path: Path, text: str) -> None:
    assert read(tree(tmp_path, {"bin/serve": text})).files == 0


def test_large_programs_and_pipes_are_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, {"big": "#!python\nimport numpy\n" + "#" * 1_000_000})
    os.mkfifo(tmp_path / "pipe")
    assert read(tmp_path).files == 0
    monkeypatch.setattr(walking, "MAX_FILES", 2)
    code = read(tree(tmp_path, dict.fromkeys("abc", "#!python\nimport numpy\n")))
    assert (code.files, [one.reason[:34] for one in code.skipped]) == (1, ["more than 2 files without a suffix"])


def test_too_many_files_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "MAX_FILES", 3)
    code = read(tree(tmp_path, {f"m{n}.py": "" for n in range(9)}))
    assert code.files == 3
    assert [one.reason[:17] for one in code.skipped] == ["more than 3 files"]


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_said(tmp_path: Path) -> None:
    (tree(tmp_path, {"main.py": ""}) / "main.py").chmod(0)
    assert [one.reason for one in read(tmp_path).skipped] == ["cannot be read: Permission denied"]


def test_names_that_are_no_text_and_things_that_are_no_files(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"na\xefve.py")).write_text("import numpy")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    (one,) = read(tmp_path).imports
    assert one.location.path == "na\\xefve.py"


def test_a_root_that_is_not_there(tmp_path: Path) -> None:
    code = read(tmp_path / "nothing")
    assert (code.files, code.imports, len(code.skipped)) == (0, (), 1)
