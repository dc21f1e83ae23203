"""examples/digits with the real torch: locked, built, started in every engine of this machine, asked and measured."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import slimtorch
from slimtorch.host.engines import ENGINES
from slimtorch.host.process import run
from slimtorch.stores import layout
from tests.support.dockerd import NoDaemonError, docker_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("digits")]

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
MEGABYTE = 1_000_000
LARGEST_PULL, LARGEST_CHANGE = 240 * MEGABYTE, 20_000
PATIENCE = 580
UNREACHABLE = (
    "could not be reached",
    "could not be fetched",
    "was not found",
    "names no Debian mirror",
    "not installed",
)


@dataclass(frozen=True)
class Digits:
    """The example in a folder of the test's own, and its image."""

    project: Path
    output: Path
    cache: Path
    built: dict[str, Any]

    @property
    def reference(self) -> str:
        """Where the image is."""
        found: str = self.built["references"][0]
        return found

    def run(self, *words: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """How ``slimtorch WORDS`` ended."""
        return slimtorch_(self.cache, *words, env=env)


def slimtorch_(cache: Path, *words: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "slimtorch", "--cache-dir", str(cache), *map(str, words)]
    # This machine's own configuration of pip, uv and apt is what the example is to be built with.
    environ = {**os.environ, "PYTHONPATH": str(Path(slimtorch.__file__).parents[1]), **(env or {})}
    return subprocess.run(argv, env=environ, capture_output=True, text=True, check=False, timeout=PATIENCE)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Digits]:
    folder = tmp_path_factory.mktemp("digits")
    project, cache = folder / "digits", folder / "cache"
    shutil.copytree(DIGITS, project, ignore=shutil.ignore_patterns("dist", "slimtorch.lock", "__pycache__"))
    locked = slimtorch_(cache, "lock", project)
    if locked.returncode == 2 and any(word in locked.stderr for word in UNREACHABLE):
        pytest.skip(f"needs an index with torch and a Debian mirror: {locked.stderr.strip()[:300]}")
    assert locked.returncode == 0, locked.stderr
    output = folder / "image"
    done = slimtorch_(cache, "build", project, "-o", f"oci:{output}", "--format", "json")
    assert done.returncode == 0, done.stderr
    yield Digits(project, output, cache, json.loads(done.stdout))
    shutil.rmtree(folder, ignore_errors=True)


def test_the_image_is_small_and_says_what_it_is(digits: Digits) -> None:
    assert re.match(rf"oci:{digits.output}:v1\.0-pytorch2\.\d+-cpu@sha256:", digits.reference)
    shown = json.loads(digits.run("show", digits.reference, "--format", "json").stdout)
    assert 50 * MEGABYTE < shown["pull"] < LARGEST_PULL
    names = {package["name"] for package in shown["packages"]}
    assert names >= {"torch", "fastapi", "uvicorn", "safetensors", "libc6", "libstdc++6"}
    assert not [name for name in names if name.startswith(("nvidia", "triton", "cuda"))]
    torch = next(package for package in shown["packages"] if package["name"] == "torch")
    assert torch["version"].endswith("+cpu") or os.uname().machine == "aarch64"
    assert shown["size"] < 1000 * MEGABYTE


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a daemon of our own; empty where there is none."""
    try:
        with docker_daemon(tmp_path_factory.mktemp("docker")) as environ:
            yield {"DOCKER_HOST": environ["DOCKER_HOST"], "PATH": f"{environ['PATH']}:{os.environ['PATH']}"}
    except NoDaemonError:
        yield {}


@pytest.mark.parametrize("engine", [engine.name for engine in ENGINES])
def test_it_runs_and_answers_right(digits: Digits, docker: dict[str, str], engine: str) -> None:
    done = digits.run(
        *("verify", digits.reference, "--project", digits.project, "--engine", engine, "--format", "json"),
        env=docker if engine == "docker" else None,
    )
    assert done.stdout, done.stderr
    proof = json.loads(done.stdout)
    if proof["skipped"]:
        pytest.skip(f"{engine} cannot be used here: {proof['skipped'].get(engine)}")
    worse = [finding for finding in proof["findings"] if finding["severity"] != "info"]
    assert (done.returncode, worse) == (0, [])
    assert proof["engine"] == engine
    assert proof["answered"] >= 20
    assert 0 < proof["load_seconds"] < 60
    assert 50 * MEGABYTE < proof["resident"] < 1000 * MEGABYTE


def test_a_changed_line_changes_a_few_kilobytes(digits: Digits) -> None:
    before = {path.name for path in (digits.output / "blobs/sha256").iterdir()}
    with (digits.project / "serve.py").open("a") as stream:
        stream.write("# a line more\n")
    done = digits.run("build", digits.project, "-o", f"oci:{digits.output}", "--tag", "changed")
    assert done.returncode == 0, done.stderr
    added = [path for path in (digits.output / "blobs/sha256").iterdir() if path.name not in before]
    assert sum(path.stat().st_size for path in added) < LARGEST_CHANGE
    layers = [
        layout.read(digits.output, tag).layers
        for tag in (digits.reference.partition("@")[0].rpartition(":")[2], "changed")
    ]
    assert [new.name for old, new in zip(*layers, strict=True) if old.blob != new.blob] == ["app"]


def test_code_that_compiles_while_it_runs_works_with_the_packages_that_the_note_names(
    digits: Digits, tmp_path: Path
) -> None:
    engine = next((e.name for e in ENGINES if not e.keeps_images and not e.obstacle(run)), "")
    if not engine:
        pytest.skip("no engine here runs a root file system: install bubblewrap or runc")
    project = tmp_path / "compiles"
    shutil.copytree(digits.project, project, ignore=shutil.ignore_patterns("slimtorch.lock"))
    with (project / "model.py").open("a") as file:
        file.write("\n\ntorch.compile(lambda x: x.sin() + x.cos())(torch.ones(8))\n")
    said = digits.run("build", project, "--dry-run")
    assert said.returncode == 0, said.stderr
    named = re.search(r"torch\.compile \(model\.py:\d+\).*\[os\] packages = (\[.*\])", said.stderr)
    assert named, said.stderr
    config = project / "slimtorch.toml"
    config.write_text(f"{config.read_text()}\n[os]\npackages = {named[1]}\n")
    built = digits.run("build", project, "-o", f"oci:{tmp_path / 'image'}", "--format", "json")
    assert built.returncode == 0, built.stderr
    assert "compiled while the service runs" not in built.stderr
    reference = json.loads(built.stdout)["references"][0]
    done = digits.run("verify", reference, "--project", project, "--engine", engine, "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
