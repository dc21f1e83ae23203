"""The table of media, folders, and engines played by small scripts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from slimtorch import stores
from slimtorch.errors import ImageError, MachineError, SlimtorchError, ToolError
from slimtorch.image.codec import GZIP, NONE, ZSTD
from slimtorch.image.flatten import flatten
from slimtorch.image.reference import SCHEMES, parse
from slimtorch.image.validate import validate
from slimtorch.stores import archive, directory
from tests.support.images import make_image
from tests.support.machines import make_machine, make_tool

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = make_image({"bin": "-> usr/bin", "usr/bin/x": b"1", "usr/bin/y": "= usr/bin/x"}, {"usr/bin/.wh.y": b""})


def test_every_scheme_has_a_codec() -> None:
    assert [stores.codec_for(parse(f"{scheme}:x")).name for scheme in SCHEMES] == [
        "zstd",
        "gzip",
        "gzip",
        "gzip",
        "none",
    ]


@pytest.mark.parametrize("form", ["oci:{}/dist:v1", "archive:{}/x.tar"])
def test_what_write_prints_is_a_reference_to_read(tmp_path: Path, form: str) -> None:
    machine = make_machine(tmp_path)
    printed = stores.write(IMAGE, parse(form.format(tmp_path), exists=False), machine, name="digits:v1")
    assert printed == f"{form.format(tmp_path)}@{IMAGE.digest}"
    assert stores.read(parse(printed), machine) == IMAGE
    other = printed[:-64] + "0" * 64
    with pytest.raises(ImageError, match="holds"):
        stores.read(parse(other), machine)
    with pytest.raises(MachineError, match="names a digest"):
        stores.write(IMAGE, parse(printed), machine)


def test_zstd_layers_are_compressed_again_for_dockers_formats(tmp_path: Path) -> None:
    machine = make_machine(tmp_path)
    image = make_image({"a": b"1" * 10_000}, codec=ZSTD)
    printed = stores.write(image, parse(f"archive:{tmp_path}/x.tar", exists=False), machine)
    found = stores.read(parse(printed), machine)
    assert [layer.blob.media_type for layer in found.layers] == [GZIP.media_type]
    assert [layer.diff_id for layer in found.layers] == [layer.diff_id for layer in image.layers]
    assert found.config == image.config
    assert validate(found) == []


def test_recompressing_is_done_once(tmp_path: Path) -> None:
    machine = make_machine(tmp_path)
    once = stores.recompress(IMAGE, ZSTD, machine.cache)
    assert validate(once) == []
    gone = make_image({"bin": "-> usr/bin", "usr/bin/x": b"1", "usr/bin/y": "= usr/bin/x"}, {"usr/bin/.wh.y": b""})
    assert stores.recompress(gone, ZSTD, machine.cache).digest == once.digest
    assert len([item for item in machine.cache.contents() if item.kind == "blob"]) == 2
    assert stores.recompress(once, ZSTD, machine.cache) is once


# -- folders -------------------------------------------------------------------------------------------------------


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    machine = make_machine(tmp_path)
    assert stores.write(IMAGE, parse(f"dir:{tmp_path}/root", exists=False), machine) == f"dir:{tmp_path}/root"
    assert (tmp_path / "root" / "bin" / "x").read_bytes() == b"1"
    assert not (tmp_path / "root" / "usr" / "bin" / "y").exists()
    assert (tmp_path / "root").stat().st_mode & 0o777 == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["root"]


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    directory.write(IMAGE, tmp_path / "root")
    with pytest.raises(MachineError, match="not empty"):
        directory.write(IMAGE, tmp_path / "root")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(MachineError, match="not empty"):
        directory.write(IMAGE, tmp_path / "link")


def test_a_broken_image_leaves_no_folder(tmp_path: Path) -> None:
    machine = make_machine(tmp_path)
    archive.write(IMAGE, tmp_path / "x.tar")
    image = stores.read(parse(f"archive:{tmp_path}/x.tar"), machine)
    (tmp_path / "x.tar").write_bytes(bytes(20_000))
    with pytest.raises(SlimtorchError):
        directory.write(image, tmp_path / "root")
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar"]


def test_a_folder_is_read_as_one_layer(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc" / "x").write_bytes(b"1")
    os.link(root / "etc" / "x", root / "etc" / "y")
    (root / "way").symlink_to("/etc")
    os.mkfifo(root / "pipe")
    machine = make_machine(tmp_path)
    image = stores.read(parse(f"dir:{root}"), machine)
    assert validate(image) == []
    tree = flatten(image.layers)
    assert list(tree) == ["etc", "etc/x", "etc/y", "way"]
    assert (tree["etc/y"].link, tree["way"].link) == ("etc/x", "/etc")
    assert [layer.blob.media_type for layer in image.layers] == [NONE.media_type]
    with pytest.raises(ImageError, match="is not a folder"):
        stores.read(parse(f"dir:{tmp_path}/missing", exists=False), machine)


# -- engines -------------------------------------------------------------------------------------------------------


def test_an_image_is_streamed_into_the_engine_and_saved_again(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    kept = tmp_path / "kept.tar"
    make_tool(tools, "docker", f'case "$1" in load) cat > {kept};; save) cp {kept} "$3";; *) exit 9;; esac')
    machine = make_machine(tmp_path, tools=tools)
    printed = stores.write(IMAGE, parse("docker:digits:v1"), machine)
    assert printed == f"docker:digits:v1@{IMAGE.digest}"
    archive.write(IMAGE, tmp_path / "same.tar", "digits:v1")
    assert kept.read_bytes() == (tmp_path / "same.tar").read_bytes()
    found = stores.read(parse(printed), machine)
    kept.unlink()
    assert found == IMAGE
    assert validate(found) == []


@pytest.mark.parametrize(
    ("script", "error", "problem"),
    [
        ("echo Cannot connect to the Docker daemon >&2; exit 1", MachineError, "daemon does not answer"),
        ("cat > /dev/null; echo no space left >&2; exit 1", ToolError, "no space left"),
        ("echo 'Error: No such image: x' >&2; exit 1", ImageError, "has no image"),
    ],
)
def test_what_an_engine_says_is_passed_on(tmp_path: Path, script: str, error: type[Exception], problem: str) -> None:
    make_tool(tmp_path / "tools", "docker", script)
    machine = make_machine(tmp_path, tools=tmp_path / "tools")
    large = make_image({"x": os.urandom(3_000_000)}, codec=NONE)
    for act in (
        lambda: stores.write(large, parse("docker:digits:v1"), machine),
        lambda: stores.read(parse("docker:digits:v1"), machine),
    ):
        with pytest.raises(error, match=problem):
            act()


def test_a_missing_engine_is_said_with_a_way_out(tmp_path: Path) -> None:
    machine = make_machine(tmp_path, tools=tmp_path)
    large = make_image({"x": os.urandom(3_000_000)}, codec=NONE)
    with pytest.raises(MachineError, match="podman is not installed") as caught:
        stores.write(large, parse("podman:digits:v1"), machine)
    assert "archive:FILE" in caught.value.hint
