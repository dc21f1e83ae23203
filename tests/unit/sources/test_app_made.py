"""What an earlier build wrote into the project's folder, and what looks like a secret, stays out of the next image."""

from __future__ import annotations

import io
import json
import os
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from slimtorch.project.model import Sources
from slimtorch.sources import app
from slimtorch.sources.made import is_made
from slimtorch.stores import archive, directory, layout
from tests.support.images import make_image
from tests.unit.sources.test_app import files, fill, project, service

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

IMAGE = make_image({"usr/lib/slimtorch/health.py": b"1"}, {"b": b"2" * 1000})
SAVED = json.dumps([{"Config": "c.json", "RepoTags": ["digits:1"], "Layers": ["l.tar"]}])


def tar(path: Path, members: Mapping[str, str | bytes]) -> Path:
    with tarfile.open(path, "w") as stream:
        for name, text in members.items():
            data = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(name)
            member.size = len(data)
            stream.addfile(member, io.BytesIO(data))
    return path


def test_images_of_every_form_stay_out(tmp_path: Path) -> None:
    fill(tmp_path, "serve.py")
    archive.write(IMAGE, tmp_path / "digits.tar", "digits:v1")
    archive.write(IMAGE, tmp_path / "images/digits", "digits:v1")
    layout.write(IMAGE, tmp_path / "out", "v1")
    layout.write(IMAGE, tmp_path / "images/layout", "v1")
    directory.write(IMAGE, tmp_path / "root")
    (tmp_path / "latest").symlink_to("digits.tar")
    assert service(tmp_path) == ["app/serve.py"]


def test_an_image_that_is_named_comes_in(tmp_path: Path) -> None:
    fill(tmp_path, "serve.py")
    archive.write(IMAGE, tmp_path / "digits.tar", "digits:v1")
    assert service(tmp_path, include=("serve.py", "digits.tar")) == ["app/digits.tar", "app/serve.py"]


def test_the_list_of_an_archive_may_come_after_its_layers(tmp_path: Path) -> None:
    layers = {f"blobs/sha256/{number}": b"x" * 5000 for number in range(200)}
    assert is_made(tar(tmp_path / "saved.tar", {**layers, "./manifest.json": SAVED}))
    assert is_made(tar(tmp_path / "oci.tar", {**layers, "oci-layout": '{"imageLayoutVersion": "1.0.0"}'}))


@pytest.mark.parametrize(
    "members",
    [
        {"a.jpg": "x", "b.json": "{}"},
        {"manifest.json": '{"files": 3}'},
        {"manifest.json": '[{"Config": 1}]'},
        {"manifest.json": "[" * 100_000},
        {"oci-layout": "no JSON"},
        {"deep/manifest.json": SAVED},
        {"manifest.json": " " * (1 << 20) + SAVED},
    ],
)
def test_other_tars_are_the_services_own(tmp_path: Path, members: dict[str, str]) -> None:
    tar(tmp_path / "data.tar", members)
    assert service(tmp_path) == ["app/data.tar"]


def test_damaged_tars_and_odd_files_are_no_images(tmp_path: Path) -> None:
    whole = tar(tmp_path / "whole.tar", {"a": b"x" * 5000, "manifest.json": SAVED}).read_bytes()
    for end in (0, 262, 700, 3000):
        (tmp_path / "cut.tar").write_bytes(whole[:end])
        assert not is_made(tmp_path / "cut.tar")
    (tmp_path / "wrong.tar").write_bytes(whole[:124] + b"\xff" * 12 + whole[136:])
    assert not is_made(tmp_path / "wrong.tar")
    os.mkfifo(tmp_path / "pipe")
    assert not is_made(tmp_path / "pipe")
    assert not is_made(tmp_path / "gone")


@pytest.mark.parametrize(
    "path",
    [
        "libc6_2.36_amd64.deb",
        "pkg/x.deb",
        ".digits.tar.0a1b2c.tmp",
        "pkg/.x.whl.part",
        ".slimtorch.lock.x1y2",
        ".t.tmp/a",
    ],
)
def test_packages_and_leftovers_stay_out(tmp_path: Path, path: str) -> None:
    assert service(fill(tmp_path, path, "serve.py")) == ["app/serve.py"]


def test_the_folder_of_vendored_packages_stays_out(tmp_path: Path) -> None:
    fill(tmp_path, "serve.py", "third/party/a.tar.gz", "third/b.txt", "pkg/third/party/c.txt")
    made = replace(project(tmp_path), sources=Sources(vendor=tmp_path / "third/party"))
    assert files(app.tree(made)[0]) == ["app/pkg/third/party/c.txt", "app/serve.py", "app/third/b.txt"]


@pytest.mark.parametrize(
    "path",
    [
        "prod.env", ".env", "conf/secrets.json", "secrets.yml", "secrets.yaml", "secrets.toml", "api_key.json",
        "api-keys.yaml", "credentials.json", "credentials-prod.json", "cert.p12", "service_account.json", "server.pem",
    ],
)  # fmt: skip
def test_secrets_stay_out_and_are_told(tmp_path: Path, path: str) -> None:
    made = project(fill(tmp_path, path, "serve.py"))
    assert files(app.tree(made)[0]) == ["app/serve.py"]
    assert app.left_out(made) == (path,)


@pytest.mark.parametrize("path", ["secrets.py", "api_key.py", "pkg/credentials.py", "env.py", "secrets/__init__.py"])
def test_modules_are_no_secrets(tmp_path: Path, path: str) -> None:
    made = project(fill(tmp_path, path))
    assert files(app.tree(made)[0]) == [f"app/{path}"]
    assert app.left_out(made) == ()


def test_only_what_would_have_come_in_is_told(tmp_path: Path) -> None:
    fill(tmp_path, "serve.py", ".ssh/id_rsa", ".ssh/config", "tests/a.pem", ".venv/cacert.pem", "build/x.pem")
    fill(tmp_path, "build/model.pt", "own/a.key", "other/b.key", "src/certs/ca.pem", "src/.env")
    made = project(
        tmp_path,
        include=("serve.py", ".ssh", "own", "src", "src/certs/ca.pem"),
        weights=("build/model.pt",),
        exclude=("own",),
    )
    assert app.left_out(replace(made, app=replace(made.app, include=("serve.py", "src", "src/certs/ca.pem")))) == (
        "src/.env",
    )
    everything = replace(made, app=replace(made.app, include=(".",)))
    assert app.left_out(everything) == (".ssh", "other/b.key", "src/.env", "src/certs/ca.pem")
