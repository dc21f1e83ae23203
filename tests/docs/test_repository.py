"""What is promised of the repository as a whole."""

from __future__ import annotations

import ast
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from slimtorch.image.digest import of_bytes
from slimtorch.project.config import config_digest
from slimtorch.project.lock import Lock, LockedPlatform, LockedWheel
from slimtorch.project.plan import Plan, plan
from tests.docs.pages import PAGES, REPOSITORY
from tests.support import projects

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_MODULE, LONGEST_FUNCTION = 350, 50
MODULES = sorted(REPOSITORY.glob("src/**/*.py"))
# What tools leave behind and what is not committed; hidden folders but CI's are that too.
LEFT = {"__pycache__", "dist", "build", "out", "node_modules"}
PLATFORM = "linux/amd64"


def test_the_dependencies_page_lists_exactly_the_runtime_dependencies() -> None:
    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["dependencies"]
    listed = re.findall(r"^\| `([\w.-]+)` \|", PAGES["docs/design/dependencies.md"].text, re.MULTILINE)
    assert sorted(listed) == sorted(Requirement(line).name for line in declared)


@pytest.mark.parametrize("version", ["2.13.0+cpu", "2.13.0+cu126"])
def test_the_image_page_names_every_variable_and_label(version: str, tmp_path: Path) -> None:
    text = PAGES["docs/reference/image.md"].text
    runtime = _plan(tmp_path, version).runtime
    names = {*runtime.env, *runtime.labels}
    assert ("NVIDIA_VISIBLE_DEVICES" in names) == ("+cu" in version)
    assert not [name for name in names if f"`{name}`" not in text]


def _plan(root: Path, torch: str) -> Plan:
    project = projects.service(root)
    filename = f"torch-{torch}-cp311-cp311-manylinux_2_28_x86_64.whl"
    pinned = LockedPlatform((LockedWheel("torch", torch, filename, of_bytes(filename.encode()), 100),))
    lock = Lock(config_digest(project), "3.11", "bookworm", {PLATFORM: pinned})
    return plan(project, lock, PLATFORM)


def test_modules_are_short() -> None:
    assert len(MODULES) > 100
    assert not [path.name for path in MODULES if len(path.read_text().splitlines()) > LONGEST_MODULE]


def test_functions_are_short() -> None:
    assert not [f"{path.name}: {name}" for path in MODULES for name in _long_functions(path.read_text())]
    assert _long_functions("def f():\n" + "    x = 1\n" * LONGEST_FUNCTION) == ["f"]


def _long_functions(source: str) -> list[str]:
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    return [node.name for node in functions if (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION]


def test_no_file_names_a_place_of_a_machine() -> None:
    found = [f"{name}: {place}" for name, text in _texts() for place in _places(text)]
    assert not found


def test_a_place_of_a_machine_would_be_found() -> None:
    assert _places(f"see {REPOSITORY}/docs")
    for folder in ("home", "Users"):
        assert _places(f"/{folder}/ada/code")
    assert not _places("/home/app, /opt/venv and https://example.org/home/page")


def _texts() -> Iterator[tuple[str, str]]:
    for folder, folders, names in os.walk(REPOSITORY):
        folders[:] = [name for name in folders if name not in LEFT and (name == ".ci" or not name.startswith("."))]
        folders[:] = [name for name in folders if not name.endswith(".egg-info")]
        for name in names:
            path = Path(folder, name)
            try:
                yield str(path.relative_to(REPOSITORY)), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:  # weights
                continue


# The homes that images and tests of images have.
_IMAGINED = ("app", "me", "u", "svc", "web")
_HOME = re.compile(r"(?<![\w.:/])/(?:home|Users)/([\w.-]+)/\w")


def _places(text: str) -> list[str]:
    """This machine's own places, where they are long enough to mean nothing else, and people's homes."""
    own = {str(REPOSITORY), sys.prefix, sys.base_prefix} - {"/usr", "/usr/local", "/app", "/opt/venv"}
    found = [place for place in own if place.count("/") > 1 and re.search(rf"{re.escape(place)}(?![\w-])", text)]
    return found + [match[0] for match in _HOME.finditer(text) if match[1] not in _IMAGINED]
