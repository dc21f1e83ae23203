"""Which files are used, by both ways to know; what they see has to be the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import MachineError
from slimtorch.host.access_times import AccessTimes
from slimtorch.host.fanotify import Fanotify
from slimtorch.host.fifo import Fifo

if TYPE_CHECKING:
    from slimtorch.probe.tracing import Watch

SAY = """
import sys
with open(sys.argv[1], "wb", 0) as pipe:
    for number in range(int(sys.argv[2])):
        pipe.write(b"%090d\\n" % (number % int(sys.argv[3])))
    pipe.write(b"x" * 300_000)
"""
READ = "import sys\nfor path in sys.argv[1:]:\n    with open(path, 'rb') as file:\n        file.read()\n"
MAP = "import mmap, sys\nwith open(sys.argv[1], 'rb') as f:\n    mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)[0]\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in ("a/read.py", "a/unread.py", "a/b/c/deep.txt", "a/mapped.so", "odd \udcff\n name", "first"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"content")
    (root / "a/link").symlink_to("b/c/deep.txt")
    os.link(root / "first", root / "second")
    return root


def watch(kind: type[Fanotify | AccessTimes], root: Path) -> Watch:
    """The watch, once tried; the test is skipped where this machine does not allow it."""
    try:
        with kind(root):
            pass
    except MachineError as error:
        pytest.skip(f"{kind.method} cannot be used here: {error.message}")
    return kind(root)


def start(code: str, *words: str | Path) -> None:
    subprocess.run([sys.executable, "-I", "-S", "-c", code, *map(str, words)], check=True, timeout=60)


@pytest.mark.parametrize("kind", [Fanotify, AccessTimes])
def test_what_is_read_mapped_and_followed_is_seen_and_nothing_else(
    kind: type[Fanotify | AccessTimes], tree: Path
) -> None:
    with watch(kind, tree) as watching:
        start(READ, tree / "a/read.py", tree / "a/link", tree / "odd \udcff\n name")
        start(MAP, tree / "a/mapped.so")
        start("import os, sys; os.stat(sys.argv[1]); os.path.exists(sys.argv[1])", tree / "a/unread.py")
        assert list((tree / "a").iterdir())
    assert watching.touched() == {"a/read.py", "a/b/c/deep.txt", "odd \udcff\n name", "a/mapped.so"}


@pytest.mark.parametrize(("kind", "seen"), [(Fanotify, {"second"}), (AccessTimes, {"first", "second"})])
def test_a_hard_linked_file_is_seen(kind: type[Fanotify | AccessTimes], seen: set[str], tree: Path) -> None:
    with watch(kind, tree) as watching:
        start(READ, tree / "second")
    assert watching.touched() == seen


@pytest.mark.parametrize("kind", [Fanotify, AccessTimes])
def test_what_comes_before_and_after_does_not_count(kind: type[Fanotify | AccessTimes], tree: Path) -> None:
    start(READ, tree / "a/read.py")
    with watch(kind, tree) as watching:
        pass
    start(READ, tree / "a/unread.py")
    assert watching.touched() == set()


def test_many_opens_are_all_seen(tmp_path: Path) -> None:
    names = [f"{number % 50}/{number}" for number in range(3000)]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with watch(Fanotify, tmp_path) as watching:
        start(
            "import os, sys\nfor f, _, n in os.walk(sys.argv[1]):\n    [open(f'{f}/{x}').close() for x in n]", tmp_path
        )
    assert watching.touched() == set(names)


def test_a_file_system_that_keeps_no_access_times() -> None:
    with pytest.raises(MachineError, match=r"access times|/proc"), AccessTimes(Path("/proc/self/fdinfo")):
        pass


def test_a_folder_that_cannot_be_watched() -> None:
    with pytest.raises(MachineError, match=r"fanotify|handles"), Fanotify(Path("/proc/self/attr")):
        pass


def test_lines_of_several_writers_are_kept_once_and_in_order(tmp_path: Path) -> None:
    with Fifo(tmp_path / "pipe") as fifo:
        for _ in range(3):
            start(SAY, tmp_path / "pipe", "1000", "10")
    assert list(fifo.lines)[:10] == [b"%090d" % number for number in range(10)]
    assert not fifo.overflowed
    assert not (tmp_path / "pipe").exists()


def test_a_writer_that_never_stops_fills_nothing_and_never_waits(tmp_path: Path) -> None:
    with Fifo(tmp_path / "pipe", limit=900) as fifo:
        start(SAY, tmp_path / "pipe", "5000", "5000")
    assert len(fifo.lines) <= 10
    assert fifo.overflowed
