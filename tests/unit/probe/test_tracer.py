"""The tracer as an image's interpreter starts it: by a .pth file in site-packages."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from slimtorch.host.fifo import Fifo
from slimtorch.probe.tracing import TRACER, _said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCE = resources.files("slimtorch.probe.in_image").joinpath("tracer.py")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / f"{TRACER}.py").write_bytes(SOURCE.read_bytes())
    (tmp_path / f"{TRACER}.pth").write_text(f"import {TRACER}\n")
    (tmp_path / "outer").mkdir()
    (tmp_path / "outer/__init__.py").write_text("from outer import inner\n")
    (tmp_path / "outer/inner.py").write_text("import importlib\nfractions = importlib.import_module('fractions')\n")
    (tmp_path / "data.txt").write_text("x")
    return tmp_path


@contextmanager
def listening(site: Path) -> Iterator[Fifo]:
    with Fifo(site / f"{TRACER}.pipe") as fifo:
        yield fifo


def python(site: Path, code: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """`code`, with `site` as a site-packages folder."""
    first = f"import site; site.addsitedir({str(site)!r})\n"
    argv = [sys.executable, "-I", *flags, "-c", first + code]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60, cwd=site)


def seen(site: Path, code: str) -> tuple[frozenset[str], dict[str, str]]:
    with listening(site) as fifo:
        python(site, code)
    return _said(fifo.lines, site)


def test_imports_and_who_wanted_them(site: Path) -> None:
    _, imports = seen(site, "import outer")
    assert imports["outer"] == "__main__"
    assert imports["outer.inner"] == "outer"
    assert imports["fractions"] == "outer.inner"


def test_what_is_looked_for_and_there(site: Path) -> None:
    code = """
import os, pathlib
assert os.path.exists("data.txt") and not os.path.exists("missing.txt")
assert os.access("outer/inner.py", os.R_OK) and not os.access("gone", os.R_OK)
assert pathlib.Path("outer").is_dir()
assert pathlib.Path("data.txt").lstat().st_size == 1
"""
    asked_for, _ = seen(site, code)
    assert {"data.txt", "outer/inner.py"} <= asked_for
    assert not asked_for & {"missing.txt", "gone", "outer"}


def test_a_process_that_closes_everything_and_forks_is_still_heard_and_no_file_is_spoiled(site: Path) -> None:
    code = """
import os, sys
os.path.exists("data.txt")
os.closerange(3, 4096)
other = [os.open("data.txt", os.O_RDONLY)] + [os.open("own.txt", os.O_CREAT | os.O_RDWR) for _ in range(5)]
os.dup2(other[1], 900)
import fractions
if os.fork() == 0:
    import colorsys
    os._exit(0)
os.wait()
assert os.path.getsize("own.txt") == 0
"""
    _, imports = seen(site, code)
    assert imports["fractions"] == "__main__"
    assert imports["colorsys"] == "__main__"
    assert (site / "own.txt").read_bytes() == b""


def test_nothing_changes_for_the_code(site: Path) -> None:
    code = """
import os, posix, shutil, stat
assert os.stat is posix.stat and os.stat.__name__ == "stat"
assert os.stat in os.supports_dir_fd and os.stat in os.supports_follow_symlinks
try:
    os.stat("missing")
except FileNotFoundError as error:
    assert error.filename == "missing"
else:
    raise SystemExit("no error")
try:
    os.stat()
except TypeError:
    pass
os.makedirs("x/y"); shutil.rmtree("x"); assert shutil.rmtree.avoids_symlink_attacks
assert stat.S_ISREG(os.stat(0 if False else os.open("data.txt", os.O_RDONLY)).st_mode)
assert os.stat(path=b"data.txt", follow_symlinks=False).st_size == 1
"""
    with listening(site):
        assert python(site, code).stderr == ""


def test_without_a_listener_it_does_nothing(site: Path) -> None:
    assert python(site, "import os, posix; print(type(posix.stat).__name__)").stdout.split() == [
        "builtin_function_or_method"
    ]
    os.mkfifo(site / f"{TRACER}.pipe")  # nobody reads
    assert python(site, "import fractions; print('well')").stdout == "well\n"


def test_lines_that_nobody_of_ours_wrote_are_passed_over(tmp_path: Path) -> None:
    lines = dict.fromkeys([b"", b"look", b"import", b"what\0x\0y", b"look\0/a/../../b\0", b"import\0\xff\0\xff"])
    assert _said(lines, tmp_path) == ({"b"}, {"\ufffd": "\ufffd"})
