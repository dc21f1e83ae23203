from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import MachineError
from slimtorch.host.rewrite import rewrite

if TYPE_CHECKING:
    from pathlib import Path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_new_and_present_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o640)
    rewrite({tmp_path / "a": b"new", tmp_path / "b": b"also"}, {tmp_path / "b": 0o600})
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "b").read_bytes() == b"also"
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in "ab"] == [0o640, 0o600]
    assert names(tmp_path) == ["a", "b"]


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    rewrite({tmp_path / "a": b""})
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_what_a_link_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    rewrite({tmp_path / "link": b"new"})
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_all_or_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "full").touch()
    with pytest.raises(MachineError) as caught:
        rewrite({tmp_path / "a": b"new", tmp_path / "b": b"new", tmp_path / "c": b"new"})
    assert caught.value.hint == "nothing was changed"
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a", "c"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(MachineError, match="cannot be written: Permission denied"):
        rewrite({tmp_path / "a": b""})
    tmp_path.chmod(0o700)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="cannot be written: No such file"):
        rewrite({tmp_path / "gone" / "a": b""})
