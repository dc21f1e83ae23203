"""A disk that is full: one clear error, exit status 2, nothing half-made; with space, the same command works."""

from __future__ import annotations

import os
import resource
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from slimtorch.host.cache import Cache
from slimtorch.image.validate import validate
from slimtorch.stores import layout
from tests.support.machine_debs import suite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.shop import Done, Shop

MEGABYTE = 1 << 20
PLENTY = 400 * MEGABYTE


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system of `size` bytes."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder)]
    if (done := subprocess.run(argv, capture_output=True, text=True, check=False)).returncode != 0:
        pytest.skip(f"this machine does not let us mount a tmpfs: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def enlarge(folder: Path) -> None:
    subprocess.run(["mount", "-o", f"remount,size={PLENTY}", str(folder)], check=True)


def fill(path: Path) -> None:
    """Takes what is left of the disk."""
    with path.open("xb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(4096))


def refused(done: Done) -> None:
    assert done.status == 2, done.err
    assert "Traceback" not in done.err
    assert "error: " in done.err
    assert "o space left on" in done.err
    assert "hint: " in done.err
    assert done.out == ""


@pytest.mark.parametrize("size", [1 * MEGABYTE, 8 * MEGABYTE])
def test_for_the_output(shop: Shop, tmp_path: Path, size: int) -> None:
    with small_disk(tmp_path / "small", size) as disk:
        refused(shop.build("-o", f"oci:{disk}/out"))
        assert list(disk.rglob("*.tmp")) == []
        assert layout._index(disk / "out", "")["manifests"] == []
        refused(shop.build("-o", f"archive:{disk}/image.tar"))
        assert not (disk / "image.tar").exists()
        assert list(disk.rglob("*.tmp")) == []
        refused(shop("copy", shop.stock.references[0], f"dir:{disk}/root"))
        assert {path.name for path in disk.iterdir()} == {"out"}
        enlarge(disk)
        shop.build("-o", f"oci:{disk}/out").ok()
        assert validate(layout.read(disk / "out", "v1.2")) == []


@pytest.mark.parametrize("size", [0.2, 10, 40, 70])
def test_for_the_cache(shop: Shop, tmp_path: Path, size: float) -> None:
    """Too small for the package lists, for the packages, for what is in them, for the layers."""
    with small_disk(tmp_path / "small", int(size * MEGABYTE)) as disk:
        own = shop.with_cache(disk / "cache", empty=True)
        refused(own.build("-o", f"oci:{tmp_path}/out"))
        assert not (tmp_path / "out").exists()
        assert list(Cache(own.cache).verify()) == []
        assert [path for path in (own.cache / "tmp").glob("*") if path.is_file()] == []
        enlarge(disk)
        done = own.build("-o", f"oci:{tmp_path}/out").ok()
        assert done.references[0].rpartition("@")[2] == shop.stock.references[0].rpartition("@")[2]


def test_for_the_lock(shop: Shop, tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", MEGABYTE // 4) as disk:
        project = disk / "project"
        project.mkdir()
        for name in ("slimtorch.toml", "requirements.txt", "serve.py", "checks.json", "slimtorch.lock"):
            (project / name).write_bytes((shop.project / name).read_bytes())
        for name in ("keys/archive.gpg", "parrot/__init__.py"):
            (project / name).parent.mkdir()
            (project / name).write_bytes((shop.project / name).read_bytes())
        before = (project / "slimtorch.lock").read_bytes()
        fill(project / "ballast")
        argv = shop.argv("-C", project, "lock", "--upgrade", "--apt-mirror", shop.stock.mirror)
        done = subprocess.run(argv, env=shop.env, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 2, done.stderr
        assert "slimtorch.lock cannot be written: No space left on device" in done.stderr
        assert (project / "slimtorch.lock").read_bytes() == before
        assert not list(project.glob(".slimtorch.lock*"))


def test_a_file_that_may_not_grow(shop: Shop, tmp_path: Path) -> None:
    """The same without root: the system refuses files above a size."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (MEGABYTE, MEGABYTE))

    argv = shop.argv("build", "-o", f"oci:{tmp_path}/out")
    done = subprocess.run(
        argv,
        env=shop.env,
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2, done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert layout._index(tmp_path / "out", "")["manifests"] == []
    assert list((tmp_path / "out").rglob("*.tmp")) == []
    assert suite() in shop.project.joinpath("slimtorch.lock").read_text()
