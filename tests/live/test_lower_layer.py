"""An installation in a lower layer of a real overlay, seen by a first process that is younger than its files."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

import slimtorch
from slimtorch.slim.apply.lower_layer import SLACK
from tests.support.installations import PLAIN, SITE, Installation

pytestmark = pytest.mark.live
WARNING = "a lower layer of this image already holds these files"
BIG = bytes(1 << 20)


class Container:
    """An overlay with two layers, and commands that each are the first process of a new container."""

    def __init__(self, folder: Path) -> None:
        self.lower, self.upper, self.root = folder / "lower", folder / "upper", folder / "root"
        for path in (self.lower, self.upper, self.root, folder / "work"):
            path.mkdir()
        layers = f"lowerdir={self.lower},upperdir={self.upper},workdir={folder}/work"
        self._mount = f"mount -t overlay overlay -o {shlex.quote(layers)} {shlex.quote(str(self.root))}"

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        # The mount is gone with its namespace, however the command ends.
        argv = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-ec", f"{self._mount}; {command}"]
        env = {**os.environ, "PYTHONPATH": str(Path(slimtorch.__file__).parents[1])}
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, env=env, check=False)

    def slim(self, before: str = "", *arguments: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "slimtorch", "slim", f"dir:{self.root}/{SITE}", *arguments]
        return self.run(f"{before}exec {shlex.join(words)}")

    def written(self) -> dict[str, int]:
        """The files that the upper layer holds, with their bytes; a whiteout is no file."""
        found = (path for path in self.upper.rglob("*") if path.is_file())
        return {path.relative_to(self.upper).as_posix(): path.stat().st_size for path in found}


@pytest.fixture
def container(tmp_path: Path) -> Container:
    made = Container(tmp_path)
    if (tried := made.run("true")).returncode != 0:
        pytest.skip(f"this machine does not let us mount an overlay: {tried.stderr.strip()}")
    return made


def install(prefix: Path) -> None:
    """A package with a library and tests beside one that nothing happens to, and an interpreter."""
    made = Installation(prefix)
    files = {"words/__init__.py": b"", "words/lib.so": PLAIN, "words/tests/test_words.py": b"def test(): ...\n"}
    made.add("safetensors", "1.0", files)  # a name whose libraries may be changed
    made.add("other", "1.0", {"other/__init__.py": b"", "other/data.bin": BIG})
    (prefix / "bin").mkdir()
    (prefix / "bin/python3.11").symlink_to(sys.executable)


def test_files_of_a_lower_layer_add_bytes_and_that_is_said(container: Container, tmp_path: Path) -> None:
    install(container.lower)
    time.sleep(SLACK + 1)
    before = Installation(container.lower).files()
    done = container.slim("", "--ledger", str(tmp_path / "ledger.json"))
    assert done.returncode == 0, done.stderr
    assert WARNING in " ".join(done.stderr.split())
    written = container.written()
    assert set(written) == {f"{SITE}/words/lib.so", f"{SITE}/safetensors-1.0.dist-info/RECORD"}, (
        "nothing else was copied up"
    )
    assert written[f"{SITE}/words/lib.so"] < len(PLAIN)
    assert Installation(container.lower).files() == before
    ledger = json.loads((tmp_path / "ledger.json").read_text())
    assert any("loads" in row["proof"] for row in ledger["savings"]), "it was proven by running all the same"


def test_files_of_the_layer_that_is_being_written(container: Container, tmp_path: Path) -> None:
    install(tmp_path / "image")
    done = container.slim(f"cp -a {shlex.quote(str(tmp_path / 'image'))}/. {shlex.quote(str(container.root))}; ")
    assert done.returncode == 0, done.stderr
    assert WARNING not in " ".join(done.stderr.split())
    assert container.written()[f"{SITE}/words/lib.so"] < len(PLAIN)


def test_a_dry_run_warns_and_writes_nothing(container: Container) -> None:
    install(container.lower)
    time.sleep(SLACK + 1)
    done = container.slim("", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert WARNING in " ".join(done.stderr.split())
    assert container.written() == {}
