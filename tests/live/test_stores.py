"""What others make of our layouts and archives: skopeo, umoci, podman, and Docker's own daemon."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from typing import TYPE_CHECKING

import pytest

from slimtorch import stores
from slimtorch.errors import ImageError
from slimtorch.image.codec import GZIP, ZSTD
from slimtorch.image.flatten import flatten
from slimtorch.image.reference import parse
from slimtorch.image.validate import validate
from slimtorch.stores import archive
from tests.support.dockerd import NoDaemonError, docker_daemon
from tests.support.images import make_image
from tests.support.machines import StoresMachine, make_machine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from slimtorch.image.model import Image

pytestmark = pytest.mark.live

NAME = "team/digits:v1"
LONG = "/".join(["a-long-folder-name"] * 12) + "/file"
BELOW = {
    "bin": "-> usr/bin",
    "usr/bin/tool": b"#!/bin/sh\n",
    "usr/bin/also": "= usr/bin/tool",
    "usr/share/Főtanúsítvány.crt": b"x" * 513,
    LONG: b"deep",
    "etc/gone": b"1",
}
ABOVE = {"etc/.wh.gone": b"", "opt/big": bytes(range(256)) * 20_000, "var/cache": "/"}
SEEN = {*flatten(make_image(BELOW, ABOVE).layers)}


def tool(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def call(*argv: str | Path, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in argv], capture_output=True, text=True, timeout=120, check=False, env=env
    )
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


@pytest.fixture
def machine(tmp_path: Path) -> StoresMachine:
    return make_machine(tmp_path)


def put(image: Image, form: str, folder: Path, machine: StoresMachine) -> str:
    return stores.write(image, parse(form.format(folder), exists=False), machine, name=NAME)


# -- readers without a daemon --------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["oci-archive:{}/x.tar", "oci-archive:{}/x.tar:" + NAME, "docker-archive:{}/x.tar"])
def test_skopeo_copies_the_archive_both_ways(tmp_path: Path, machine: StoresMachine, source: str) -> None:
    image = make_image(BELOW, ABOVE, codec=GZIP)
    put(image, "archive:{}/x.tar", tmp_path, machine)
    call(tool("skopeo"), "--insecure-policy", "copy", source.format(tmp_path), f"oci:{tmp_path}/copy:v1")
    found = stores.read(parse(f"oci:{tmp_path}/copy:v1"), machine)
    assert validate(found) == []
    assert [layer.diff_id for layer in found.layers] == [layer.diff_id for layer in image.layers]
    # From docker's form skopeo writes the configuration anew.
    if source.startswith("oci-"):
        assert found.digest == image.digest


def test_skopeo_reads_a_layout_with_zstd_layers(tmp_path: Path, machine: StoresMachine) -> None:
    image = make_image(BELOW, ABOVE, codec=ZSTD)
    put(image, "oci:{}/dist:v1", tmp_path, machine)
    call(tool("skopeo"), "--insecure-policy", "copy", f"oci:{tmp_path}/dist:v1", f"oci-archive:{tmp_path}/copy.tar:v1")
    assert stores.read(parse(f"archive:{tmp_path}/copy.tar"), machine) == image


def test_we_read_what_skopeo_writes(tmp_path: Path, machine: StoresMachine) -> None:
    image = make_image(BELOW, ABOVE, codec=GZIP)
    put(image, "oci:{}/dist:v1", tmp_path, machine)
    skopeo = tool("skopeo")
    call(skopeo, "--insecure-policy", "copy", f"oci:{tmp_path}/dist:v1", f"docker-archive:{tmp_path}/d.tar:{NAME}")
    found = stores.read(parse(f"archive:{tmp_path}/d.tar"), machine, name=f"docker.io/{NAME}")
    assert validate(found) == []
    assert [layer.diff_id for layer in found.layers] == [layer.diff_id for layer in image.layers]


@pytest.mark.parametrize("form", ["oci:{}/dist:v1", "archive:{}/x.tar"])
def test_umoci_unpacks_what_we_write(tmp_path: Path, machine: StoresMachine, form: str) -> None:
    umoci = tool("umoci")
    # umoci before 0.5 knows no zstd.
    put(make_image(BELOW, ABOVE, codec=GZIP), form, tmp_path, machine)
    layout, tag = tmp_path / "dist", "v1"
    if form.startswith("archive"):
        tag = NAME
        with tarfile.open(tmp_path / "x.tar") as handle:
            handle.extractall(layout, filter="data")
    rootless = [] if os.geteuid() == 0 else ["--rootless"]
    call(umoci, "unpack", *rootless, "--image", f"{layout}:{tag}", tmp_path / "bundle")
    root = tmp_path / "bundle" / "rootfs"
    assert {path.relative_to(root).as_posix() for path in root.rglob("*")} == SEEN


def test_gnu_tar_lists_our_layers(tmp_path: Path, machine: StoresMachine) -> None:
    put(make_image(BELOW, ABOVE), "archive:{}/x.tar", tmp_path, machine)
    listed = call(tool("tar"), "-tvf", tmp_path / "x.tar")
    assert "manifest.json" in listed


# -- podman --------------------------------------------------------------------------------------------------------


@pytest.fixture
def podman() -> Iterator[list[str]]:
    found = tool("podman")
    if os.geteuid() != 0:
        pytest.skip("podman's own store in a temporary folder needs root here")
    # podman wants a short path.
    with tempfile.TemporaryDirectory() as folder:
        yield [found, "--root", f"{folder}/root", "--runroot", f"{folder}/run", "--storage-driver", "vfs"]


def test_podman_loads_the_archive_and_saves_it(tmp_path: Path, podman: list[str]) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "podman").write_text(f'#!/bin/sh\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nexec {" ".join(podman)} "$@"\n')
    (tools / "podman").chmod(0o755)
    machine = make_machine(tmp_path, tools=tools)
    image = make_image(BELOW, ABOVE, codec=ZSTD)
    printed = stores.write(image, parse(f"podman:{NAME}"), machine)
    assert NAME in call(*podman, "images", "--format", "{{.Repository}}:{{.Tag}}")
    found = stores.read(parse(printed), machine)
    assert validate(found) == []
    assert {*flatten(found.layers)} == SEEN


def test_podman_pulls_a_layout_with_zstd_layers(tmp_path: Path, machine: StoresMachine, podman: list[str]) -> None:
    image = make_image(BELOW, ABOVE, codec=ZSTD)
    put(image, "oci:{}/dist:v1", tmp_path, machine)
    pulled = call(*podman, "pull", "--quiet", f"oci:{tmp_path}/dist:v1").strip()
    assert pulled == image.config_descriptor.digest.hex


# -- docker --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An environment in which Debian's docker command speaks to a daemon of this test."""
    try:
        with docker_daemon(tmp_path_factory.mktemp("docker")) as environ:
            yield environ
    except NoDaemonError as why:
        pytest.skip(str(why))


def test_docker_loads_what_we_stream_and_we_read_what_it_saves(tmp_path: Path, docker: dict[str, str]) -> None:
    machine = make_machine(tmp_path, env=docker)
    image = make_image(BELOW, ABOVE, codec=ZSTD)
    printed = stores.write(image, parse(f"docker:{NAME}"), machine)
    inspected = json.loads(call("/usr/bin/docker", "image", "inspect", NAME, env=docker))[0]
    assert inspected["Id"] == image.config_descriptor.digest
    assert inspected["RootFS"]["Layers"] == [layer.diff_id for layer in image.layers]
    found = stores.read(parse(printed), machine)
    assert validate(found) == []
    assert found.config == image.config
    assert {*flatten(found.layers)} == SEEN


def test_docker_loads_the_archive_file(tmp_path: Path, docker: dict[str, str]) -> None:
    archive.write(make_image(BELOW, ABOVE, codec=GZIP), tmp_path / "x.tar", "from/file:v2")
    assert "Loaded image: from/file:v2" in call("/usr/bin/docker", "load", "-i", tmp_path / "x.tar", env=docker)


def test_a_missing_image_is_said(tmp_path: Path, docker: dict[str, str]) -> None:
    with pytest.raises(ImageError, match="docker has no image 'nobody/nothing:v0'"):
        stores.read(parse("docker:nobody/nothing:v0"), make_machine(tmp_path, env=docker))
