from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from slimtorch.slim.apply import lower_layer

if TYPE_CHECKING:
    from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def proc(folder: Path, *mounts: str, started: float) -> Path:
    """A /proc of a container whose first process, with an odd name, was started then (seconds since 1970)."""
    made = folder / "proc"
    (made / "self").mkdir(parents=True)
    (made / "1").mkdir()
    (made / "self/mountinfo").write_text("".join(f"1 0 0:1 / {mount}\n" for mount in mounts))
    boot = int(started) - 1000
    (made / "stat").write_text(f"cpu 1 2\nbtime {boot}\n")
    (made / "1/stat").write_text("1 (a) b) S " + "0 " * 18 + f"{int((started - boot) * TICKS)} 0\n")
    return made


def installed(folder: Path, **sizes: int) -> list[str]:
    (folder / "site").mkdir()
    for name, size in sizes.items():
        (folder / "site" / name).write_bytes(bytes(size))
    return [f"site/{name}" for name in sizes]


OVERLAY = "/ rw - overlay overlay rw"


def test_files_older_than_the_container(tmp_path: Path) -> None:
    paths = installed(tmp_path, a=100)
    assert lower_layer.holds(tmp_path, paths, proc(tmp_path, OVERLAY, started=time.time() + 60))


def test_files_made_in_the_container(tmp_path: Path) -> None:
    paths = installed(tmp_path, a=100)
    assert not lower_layer.holds(tmp_path, paths, proc(tmp_path, OVERLAY, started=time.time() - 60))


@pytest.mark.parametrize("mount", ["/ rw - ext4 /dev/x rw", "/ rw - btrfs /dev/x rw"])
def test_a_machine_without_layers(tmp_path: Path, mount: str) -> None:
    paths = installed(tmp_path, a=100)
    assert not lower_layer.holds(tmp_path, paths, proc(tmp_path, mount, started=time.time() + 60))


def test_a_volume_in_a_container(tmp_path: Path) -> None:
    paths = installed(tmp_path, a=100)
    made = proc(tmp_path, OVERLAY, f"{tmp_path} rw - ext4 /dev/x rw", started=time.time() + 60)
    assert not lower_layer.holds(tmp_path, paths, made)


@pytest.mark.parametrize("text", ["", "garbage", "btime x\n"])
def test_what_cannot_be_told_is_no_warning(tmp_path: Path, text: str) -> None:
    paths = installed(tmp_path, a=100)
    made = proc(tmp_path, OVERLAY, started=time.time() + 60)
    (made / "stat").write_text(text)
    assert not lower_layer.holds(tmp_path, paths, made)
    assert not lower_layer.holds(tmp_path, paths, tmp_path / "no-proc")


def test_nothing_is_nothing(tmp_path: Path) -> None:
    assert not lower_layer.holds(tmp_path, [], proc(tmp_path, OVERLAY, started=time.time() + 60))
