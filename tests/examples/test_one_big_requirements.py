"""The classic mess: what its commands say, and what goes where."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MESS = Path(__file__).parents[2] / "examples" / "one-big-requirements"
MISSING = [name for name in ("torch", "numpy") if importlib.util.find_spec(name) is None]
SERVICE = ("torch==2.13.0", "fastapi", "uvicorn", "numpy>=1.26", "onnxruntime    # the second opinion, see app.py")
WORKSHOP = ("jupyter", "matplotlib", "pdbpp", "pytest>=8", "black", "flake8", "memory_profiler")
PATIENCE = 300


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MESS, tmp_path / "boiler", ignore=shutil.ignore_patterns("__pycache__", "*.lock")))


def slimtorch(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "slimtorch", *words],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


@pytest.mark.live
def test_check_says_what_each_is_for(project: Path) -> None:
    done = slimtorch("deps", "check", "--format", "json", cwd=project)
    assert done.returncode == 1, done.stderr
    verdicts = {one["name"]: one["verdict"] for one in json.loads(done.stdout)["dependencies"]}
    assert {name: verdicts[name] for name in ("torch", "fastapi", "numpy", "onnxruntime")} == dict.fromkeys(
        ("torch", "fastapi", "numpy", "onnxruntime"), "used"
    )
    assert verdicts["uvicorn"] in {"used", "optional"}
    assert verdicts["pytest"] == "tests"
    assert verdicts["matplotlib"] in {"unused", "development"}
    for name in ("jupyter", "pdbpp", "black", "flake8", "memory-profiler"):
        assert verdicts[name] == "development"


@pytest.mark.live
def test_split_writes_two_lists(project: Path) -> None:
    before = (project / "requirements.txt").read_text()
    done = slimtorch("deps", "split", "requirements.txt", "--write", cwd=project)
    assert done.returncode == 0, done.stderr
    assert (project / "requirements.txt").read_text() == before
    production = (project / "requirements-prod.txt").read_text().splitlines()
    development = (project / "requirements-dev.txt").read_text().splitlines()
    assert tuple(line for line in production if line in before.splitlines() and not line.startswith("#") and line) == (
        SERVICE
    )
    assert development[0] == "-r requirements-prod.txt"
    assert set(WORKSHOP) <= set(development)
    assert not set(SERVICE) & set(development)
    assert done.stdout.split() == ["requirements-prod.txt", "requirements-dev.txt"]


@pytest.mark.live
def test_after_the_split_only_production_is_locked(project: Path) -> None:
    slimtorch("deps", "split", "requirements.txt", "--write", cwd=project)
    done = slimtorch("lock", cwd=project)
    assert done.returncode == 0, done.stderr
    lock = (project / "slimtorch.lock").read_text()
    assert "onnxruntime" in lock
    for name in ("jupyter", "matplotlib", "pytest", "flake8"):
        assert f'name = "{name}"' not in lock


@pytest.mark.live
@pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} not installed: pip install torch numpy")
def test_its_own_tests_pass(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "setup.cfg", "tests"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_list_is_the_classic_one() -> None:
    names = {line.partition("#")[0].strip() for line in (MESS / "requirements.txt").read_text().splitlines()}
    assert names - {""} == {line.partition("#")[0].strip() for line in (*SERVICE, *WORKSHOP)}
