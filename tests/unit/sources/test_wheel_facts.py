from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ArchiveError, SlimtorchError
from slimtorch.host.fetch import HttpFetch
from slimtorch.host.ranges import Part
from slimtorch.sources import wheel_facts
from slimtorch.sources.remote_archive import RemoteFile
from tests.support.wheels import Lies, locked, make_wheel, member

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.inventory.distributions import Distribution
    from slimtorch.project.lock import LockedWheel


class _Bytes(HttpFetch):
    """A server with parts that holds one file."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read_range(self, url: str, start: int, length: int) -> Part:  # noqa: ARG002  (it holds one file)
        return Part(self.data[start : start + length], len(self.data))


def _of_wheel(file: Path | RemoteFile, wheel: LockedWheel) -> Distribution | None:
    try:
        return wheel_facts.of_wheel(file, wheel)
    except SlimtorchError:
        return None


def test_whatever_is_wrong_with_a_wheel_is_said_plainly_and_in_parts_as_for_a_file(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, files={"demo/__init__.py": "x = 1\n" * 50, "INFO/entry_points.txt": "[a]\nb = c:d\n"})
    good, wheel, dice = path.read_bytes(), locked(path), random.Random(3)  # noqa: S311  (no secret)
    refused = 0
    for _ in range(1500):
        data = bytearray(good)
        for _ in range(dice.choice((1, 1, 2, 4))):
            # The directory stands at the end.
            at = dice.randrange(len(data)) if dice.random() < 0.3 else len(data) - 1 - dice.randrange(600)
            new = dice.choice((b"\0" * 4, b"\xff" * 4, b"\xff\xff\xff\x7f", dice.randbytes(1)))
            data[at : at + dice.choice((0, len(new), 20))] = new
        path.write_bytes(data)
        changed = replace(wheel, size=len(data))
        found = _of_wheel(path, changed)
        assert _of_wheel(RemoteFile("u", len(data), _Bytes(bytes(data)), "demo"), changed) == found
        refused += found is None
    assert 500 < refused < 1500


def test_a_member_without_a_name_is_refused(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, lies=Lies(raw=[(member("q"), b"")]))
    data = path.read_bytes()
    at = data.rindex(b"PK\x01\x02")
    # APPNOTE 4.3.12: the length of the name stands at 28; what was the name becomes the comment's.
    path.write_bytes(data[: at + 28] + b"\0\0" + data[at + 30 : at + 32] + b"\1\0" + data[at + 34 :])
    with pytest.raises(ArchiveError, match="could leave"):
        wheel_facts.of_wheel(path, locked(path))
