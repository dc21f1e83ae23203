"""``slimtorch build -o archive:FILE``: one file that others read, as an OCI layout and as Docker's own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from typing import TYPE_CHECKING

import pytest

from slimtorch.image.reference import parse
from slimtorch.stores import read
from tests.support.dockerd import PATH, NoDaemonError, docker_daemon
from tests.support.layers import members
from tests.support.machines import make_machine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from slimtorch.image.model import Image
    from tests.support.shop import Stock

pytestmark = pytest.mark.live
NAME = "parrot:v1.2"


def call(name: str, *words: str | Path, env: Mapping[str, str] | None = None) -> str:
    """What a tool of the distribution prints."""
    found = shutil.which(name, path=PATH)
    if found is None:
        pytest.skip(f"{name} is not installed (apt-get install {name})")
    argv = [found, *map(str, words)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, env=env)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def image(made: Stock, tmp_path_factory: pytest.TempPathFactory) -> Image:
    return read(parse(made.references[1]), make_machine(tmp_path_factory.mktemp("machine")))


@pytest.mark.parametrize("form", ["oci-archive", "docker-archive"])
def test_skopeo_reads_it_either_way(made: Stock, image: Image, form: str) -> None:
    source = f"{form}:{made.root}/image.tar"
    told = json.loads(call("skopeo", "inspect", "--config", source))
    assert told["rootfs"]["diff_ids"] == [str(layer.diff_id) for layer in image.layers]
    assert told["config"]["User"] == "1000:1000"
    if form == "oci-archive":
        assert json.loads(call("skopeo", "inspect", source))["Digest"] == image.digest


@pytest.mark.parametrize("form", ["oci-archive", "docker-archive"])
def test_skopeo_copies_it_either_way(made: Stock, image: Image, tmp_path: Path, form: str) -> None:
    source = f"{form}:{made.root}/image.tar"
    call("skopeo", "--insecure-policy", "copy", source, f"dir:{tmp_path}/copy")
    manifest = json.loads((tmp_path / "copy/manifest.json").read_text())
    for layer in manifest["layers"]:
        assert (tmp_path / "copy" / layer["digest"].removeprefix("sha256:")).stat().st_size == layer["size"]
    assert len(manifest["layers"]) == len(image.layers)


def test_umoci_unpacks_it(made: Stock, image: Image, tmp_path: Path) -> None:
    with tarfile.open(made.root / "image.tar") as archive:
        archive.extractall(tmp_path / "layout", filter="data")
    rootless = [] if os.geteuid() == 0 else ["--rootless"]
    call("umoci", "unpack", *rootless, "--image", f"{tmp_path}/layout:{NAME}", tmp_path / "bundle")
    root = tmp_path / "bundle/rootfs"
    assert {path.relative_to(root).as_posix() for path in root.rglob("*")} == set(members(image))


def test_podman_loads_it(made: Stock, image: Image) -> None:
    if os.geteuid() != 0:
        pytest.skip("podman's own store in a temporary folder needs root here")
    with tempfile.TemporaryDirectory() as folder:
        store = ("--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs")
        assert NAME in call("podman", *store, "load", "--quiet", "--input", made.root / "image.tar")
        found = json.loads(call("podman", *store, "image", "inspect", NAME))[0]
        assert found["Id"] == image.config_descriptor.digest.hex


def test_docker_loads_it(made: Stock, image: Image, tmp_path: Path) -> None:
    try:
        with docker_daemon(tmp_path) as environ:
            assert f"Loaded image: {NAME}" in call("docker", "load", "-i", made.root / "image.tar", env=environ)
            found = json.loads(call("docker", "image", "inspect", NAME, env=environ))[0]
            assert found["Id"] == image.config_descriptor.digest
            assert found["Config"]["Healthcheck"]["Test"][0] == "CMD"
    except NoDaemonError as why:
        pytest.skip(str(why))
