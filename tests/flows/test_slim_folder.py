"""``slimtorch slim dir:PATH``: an installation slimmed where it stands; nothing half done, whatever happens."""

from __future__ import annotations

import ctypes
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from slimtorch.cli.main import run
from slimtorch.slim import ledger as ledgers
from slimtorch.slim.subject import JOURNAL
from tests.flows.test_full_disk import enlarge, fill, small_disk
from tests.support.installations import CODE, PLAIN, SITE, Installation, make_installation
from tests.support.shared_libraries import make_library as make_needed

if TYPE_CHECKING:
    from collections.abc import Iterator

KILLS = 200
TAKES = make_needed((), soname="libtakes.so", needed=("libgives.so",), runpath="$ORIGIN/../gives")
GPU = ("--gpu", "h100")
CUDA, CPU = f"{SITE}/torch/lib/libtorch_cuda.so", f"{SITE}/torch/lib/libtorch_cpu.so"
TESTS = f"{SITE}/words/tests/test_words.py"


@pytest.fixture
def made(tmp_path: Path) -> Installation:
    return make_installation(tmp_path / "prefix")


def slim(made: Installation, *arguments: str) -> int:
    """The exit code of a run; the cache is no one else's."""
    return run(["-q", "--cache-dir", f"{made.prefix.parent}/cache", "slim", f"dir:{made.site}", *arguments])


def journal(made: Installation) -> Path:
    return made.site / JOURNAL


# -- what it does ------------------------------------------------------------------------------------------------------


def test_what_is_not_needed_goes(made: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    before = made.files()
    assert slim(made, *GPU) == 0
    after = made.files()
    assert {TESTS, f"{SITE}/torch/include/a.pyi"} & after.keys() == set()
    assert len(after[CUDA]) < len(before[CUDA]) - 60_000
    assert len(after[CPU]) < len(before[CPU]) - 40_000
    assert after[f"{SITE}/torch/lib/libsmall.so"] == before[f"{SITE}/torch/lib/libsmall.so"]
    assert after[f"{SITE}/torch/lib/libtorch.so"] == b"-> libtorch_cpu.so"
    assert made.wrong_rows() == []
    assert not journal(made).exists()
    assert not (made.site / "words/tests").exists()
    assert not (made.site / "torch/include").exists()
    printed = capsys.readouterr().out
    assert "device code" in printed
    assert "(experimental)" in printed
    assert printed.splitlines()[-1] == f"dir:{made.site}"
    for path in (CUDA, CPU):
        ctypes.CDLL(str(made.prefix / path))


def test_the_table_fits_a_terminal(
    made: Installation, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert slim(made, *GPU, "--dry-run") == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith(" ")]
    assert max(map(len, table)) <= 80
    assert "total" in "".join(table)


def test_a_second_run_changes_nothing(made: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    assert slim(made, *GPU) == 0
    once = {path: (made.prefix / path).lstat().st_ino for path in made.files()}
    capsys.readouterr()
    assert slim(made, *GPU, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["savings"] == []
    assert {path: (made.prefix / path).lstat().st_ino for path in made.files()} == once


def test_a_dry_run_touches_nothing_and_tells_the_same(made: Installation, tmp_path: Path) -> None:
    before = made.files()
    assert slim(made, *GPU, "--dry-run", "--ledger", str(tmp_path / "dry.json")) == 0
    assert made.files() == before
    assert not journal(made).exists()
    assert slim(made, *GPU, "--ledger", str(tmp_path / "done.json")) == 0
    dry, done = (json.loads((tmp_path / name).read_text()) for name in ("dry.json", "done.json"))

    def told(value: dict[str, Any]) -> list[tuple[str, str, int, int]]:
        rows = [(row["pass"], row["path"], row["before"], row["after"]) for row in value["savings"]]
        return [row for row in rows if not row[1].endswith("RECORD")]

    assert told(dry) == told(done)


def test_the_ledger_is_true(made: Installation, tmp_path: Path) -> None:
    before = sum(len(data) for data in made.files().values() if not data.startswith(b"-> "))
    assert slim(made, *GPU, "--ledger", str(tmp_path / "ledger.json")) == 0
    after = sum(len(data) for data in made.files().values() if not data.startswith(b"-> "))
    ledger = ledgers.from_json(json.loads((tmp_path / "ledger.json").read_text()))
    assert (ledger.before, ledger.after) == (before, after)
    assert ledgers.adds_up(ledger)
    assert all(saving.proof for saving in ledger.savings)
    assert {saving.owner for saving in ledger.savings} == {"wheel:torch==2.14.1", "wheel:words==1.0"}


def test_what_is_kept_is_left_alone(made: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    before = made.files()
    assert slim(made, *GPU, "--keep", "libtorch_cuda.so", "--keep", "words/**", "--format", "json") == 0
    after = made.files()
    assert after[CUDA] == before[CUDA]
    assert after[TESTS] == before[TESTS]
    assert after[CPU] != before[CPU]
    assert {"path": CUDA, "text": "kept: given with --keep"} in json.loads(capsys.readouterr().out)["notes"]


def test_what_is_dropped_goes(made: Installation) -> None:
    assert slim(made, "--profile", "none", "--drop", "words/**") == 0
    assert not (made.site / "words").exists()
    assert made.files()[CPU] == PLAIN
    assert made.wrong_rows() == []


def test_mode_and_owner_stay(made: Installation) -> None:
    file = made.prefix / CUDA
    file.chmod(0o555)
    if os.geteuid() == 0:
        os.chown(file, 1234, 2345)
    before = file.stat()
    assert slim(made, *GPU) == 0
    after = file.stat()
    assert after.st_size < before.st_size
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_names_of_one_file_stay_one_file_and_names_outside_keep_the_old(made: Installation, tmp_path: Path) -> None:
    other, outside = made.site / "torch/lib/libother.so", tmp_path / "cached.so"
    other.hardlink_to(made.prefix / CPU)
    outside.hardlink_to(made.prefix / CPU)
    assert slim(made) == 0
    assert other.samefile(made.prefix / CPU)
    assert other.stat().st_size < len(PLAIN)
    assert outside.read_bytes() == PLAIN


def test_a_whole_environment_can_be_named(made: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    (made.prefix / "pyvenv.cfg").touch()
    assert run(["-q", "slim", str(made.prefix), *GPU]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"dir:{made.site}"
    assert len(made.files()[CUDA]) < len(CODE)


def test_originals_that_are_kept_come_back(made: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    before = made.files()
    assert slim(made, *GPU, "--keep-originals") == 0
    assert slim(made, *GPU) == 0, "nothing is left to do"
    assert slim(made, *GPU, "--drop", "words/__init__.py") == 2
    assert "keeps the originals" in capsys.readouterr().err
    assert slim(made, "--undo") == 0
    assert made.files() == before
    assert slim(made, "--undo") == 2
    assert "nothing to undo" in capsys.readouterr().err


def test_nothing_is_put_back_over_a_new_installation(made: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    assert slim(made, *GPU, "--keep-originals") == 0
    (made.prefix / CPU).write_bytes(b"a newer torch")
    assert slim(made, "--undo") == 2
    assert "was changed after" in capsys.readouterr().err
    assert made.files()[CPU] == b"a newer torch"


# -- what it refuses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--gpu", "h1000"), "did you mean `h100`"),
        (("--gpu", "sm_90"), "--gpu 9.0"),
        (("--stub", "ncl"), "did you mean `nccl`"),
        (("--keep", "../x"), "no pattern of paths"),
        (("--gpu", "v100"), "libtorch_cuda.so of torch 2.14.1 has no code for v100 (7.0), only sm_80, sm_90"),
    ],
)
def test_a_bad_wish(
    made: Installation, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    before = made.files()
    assert slim(made, *arguments) == 2
    assert says in capsys.readouterr().err
    assert made.files() == before
    assert not journal(made).exists()


def test_a_failed_proof_is_told_and_nothing_is_changed(
    made: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = made.files()
    monkeypatch.setattr(
        "slimtorch.slim.proof.static.complaints", lambda one, other, _: () if one is other else ("a symbol is gone",)
    )
    assert slim(made, *GPU, "--ledger", str(tmp_path / "ledger.json")) == 1
    assert "a symbol is gone" in capsys.readouterr().err
    failures = json.loads((tmp_path / "ledger.json").read_text())["failures"]
    assert {"pass": "symbols", "path": CPU, "what": "a symbol is gone"} in failures
    assert made.files() == before


def test_no_installation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["slim", f"dir:{tmp_path}"]) == 2
    assert "no Python package is installed" in capsys.readouterr().err
    assert run(["slim", f"dir:{tmp_path}/no"]) == 2
    assert "is not a folder" in capsys.readouterr().err


def test_an_image_wants_a_place_for_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["slim", "oci:x"]) == 2
    assert "-o" in capsys.readouterr().err
    assert run(["slim", "oci:x", "--undo"]) == 2
    assert "--undo is for" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["truncated", "lies", "32-bit"])
def test_damaged_and_foreign_libraries_are_left_alone(
    made: Installation, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    wrong = {
        "truncated": PLAIN[:3000],
        "lies": PLAIN[:40] + b"\xff" * 8 + PLAIN[48:],
        "32-bit": PLAIN[:4] + b"\1" + PLAIN[5:],
    }[damage]
    (made.prefix / CPU).write_bytes(wrong)
    assert slim(made, *GPU, "--format", "json") == 0
    assert made.files()[CPU] == wrong
    notes = {note["path"]: note["text"] for note in json.loads(capsys.readouterr().out)["notes"]}
    # What is no ELF file to anybody is not even looked at.
    assert "left as it is" in notes.get(CPU, "left as it is")
    assert len(made.files()[CUDA]) < len(CODE)


@pytest.mark.parametrize("size", [260_000, 330_000])
def test_a_full_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str], size: int) -> None:
    with small_disk(tmp_path / "small", 1 << 20) as disk:
        made = make_installation(disk / "prefix")
        before = made.files()
        with (disk / "room").open("wb") as room:
            room.write(bytes((1 << 20) - sum(map(len, before.values())) - size))
        fill(disk / "ballast")
        assert slim(made, *GPU) == 2
        error = capsys.readouterr().err
        assert "no space left" in error
        assert "nothing was changed" in error
        assert made.files() == before
        assert not journal(made).exists()
        enlarge(disk)
        assert slim(made, *GPU) == 0
        assert len(made.files()[CUDA]) < len(CODE)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to(made: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made.site / "torch/lib"
    folder.chmod(0o555)
    before = made.files()
    try:
        assert slim(made, *GPU) == 2
    finally:
        folder.chmod(0o755)
    assert "cannot be written to" in capsys.readouterr().err
    assert made.files() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--ledger", "{0}/missing/ledger.json"), "--ledger: {0}/missing is no folder that can be written to"),
        (("--ledger", "{0}/file/ledger.json"), "--ledger: {0}/file is no folder that can be written to"),
        (("-o", "oci:{0}/image"), "is an installation, not the root of an image"),
        (("-o", ""), "is no place for the slimmed"),
        (("--stub", "cufile"), "--stub: `cufile` cannot have a stand-in"),
        (("--undo", "--dry-run"), "--undo goes with no other option, not with --dry-run"),
        (("--project", "{0}"), "--project is for an image"),
        (("--gpu", "h1000"), "such as --gpu 9.0"),
    ],
)
def test_a_wish_that_does_not_fit(
    made: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    (tmp_path / "file").touch()
    before = made.files()
    assert slim(made, *(argument.format(tmp_path) for argument in arguments)) == 2
    assert says.format(tmp_path) in " ".join(capsys.readouterr().err.split())
    assert made.files() == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "cache") == ["file", "prefix"]


def test_originals_are_kept_in_place_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["slim", "oci:x", "-o", "oci:y", "--keep-originals"]) == 2
    assert "--keep-originals is for an installation" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--keep", "--drop"])
def test_a_pattern_that_matches_nothing_is_said(
    made: Installation, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert slim(made, option, "libnone.so", option, "libplain.so", "--dry-run", "--format", "json") == 0
    notes = [note["text"] for note in json.loads(capsys.readouterr().out)["notes"]]
    assert f"`{option[2:]}` has the pattern 'libnone.so', which matches nothing" in notes


def test_what_another_library_needs_is_not_dropped(made: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    needed = make_needed((), soname="libgives.so")
    made.add("talk", "1.0", {"gives/libgives.so": needed, "takes/libtakes.so": TAKES})
    before = made.files()
    for more in ((), ("--dry-run",)):
        assert slim(made, "--drop", "libgives.so", *more) == 1
        assert "libtakes.so no longer finds libgives.so" in " ".join(capsys.readouterr().err.split())
        assert made.files() == before
        assert not journal(made).exists()


@contextmanager
def busy(made: Installation, seconds: int = 60) -> Iterator[subprocess.Popen[str]]:
    """A run in the middle of its proof by running, for as long as the interpreter takes to start."""
    python = made.prefix / "bin/python3.11"
    python.parent.mkdir()
    python.write_text(f"#!/bin/sh\nexec sleep {seconds}\n")
    python.chmod(0o755)
    argv = [sys.executable, "-m", "slimtorch", "slim", f"dir:{made.site}", *GPU]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        try:
            while not (journal(made) / "after").exists():
                assert process.poll() is None
                time.sleep(0.02)
            yield process
        finally:
            process.kill()


def test_two_at_once(made: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    with busy(made):
        before = made.files()
        assert slim(made, *GPU) == 2
        assert "is being slimmed by another process" in capsys.readouterr().err
        assert slim(made, "--undo") == 2
        assert "is being slimmed by another process" in capsys.readouterr().err
        assert made.files() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_in_the_middle(made: Installation, number: signal.Signals) -> None:
    before = made.files()
    with busy(made) as process:
        process.send_signal(number)
        _, error = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert {path: data for path, data in made.files().items() if not path.startswith("bin/")} == before
    assert not journal(made).exists()


def test_two_folders_of_one_root(made: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    """A run on the second folder and one on all of them are two runs on the same files."""
    other = Installation(made.prefix / "a")
    other.add("more", "1.0", {"more/__init__.py": b""})
    with busy(made):
        assert run(["-q", "slim", f"dir:{made.prefix}"]) == 2
    assert "is being slimmed by another process" in capsys.readouterr().err


def test_a_read_only_disk(made: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    with read_only(made.prefix):
        before = made.files()
        assert slim(made, *GPU) == 2
        error = " ".join(capsys.readouterr().err.split())
        assert "cannot be written to" in error
        assert "it is mounted read-only; nothing was changed" in error
        assert slim(made, *GPU, "--dry-run") == 0
        assert made.files() == before


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder as a mount that nobody may write to."""
    if os.geteuid() != 0:
        pytest.skip("mounting a folder read-only needs root")
    commands = (["mount", "--bind", str(folder), str(folder)], ["mount", "-o", "remount,bind,ro", str(folder)])
    if (done := subprocess.run(commands[0], capture_output=True, text=True, check=False)).returncode != 0:
        pytest.skip(f"this machine does not let us mount a folder: {done.stderr.strip()}")
    try:
        subprocess.run(commands[1], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


# -- what it survives --------------------------------------------------------------------------------------------------


class Children:
    """Runs that can be killed."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        # With its own parent killing it, a process id is never another process's by then.
        argv = [sys.executable, "-m", "tests.support.slimming_child"]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=Path(__file__).parents[2]
        )

    def run(self, what: str, folder: Path, delay: float | None = None) -> tuple[int, float]:
        """The exit status, negative when the run was killed `delay` seconds after it began, and how long it took."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([what, str(folder), str(self._cache), delay]) + "\n")
        self._process.stdin.flush()
        status, seconds = json.loads(self._process.stdout.readline())
        return status, seconds

    def stop(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout
        self._process.stdout.close()


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    found = Children(tmp_path / "cache")
    yield found
    found.stop()


def test_killed_at_any_moment(tmp_path: Path, children: Children) -> None:
    """Each path has its old or its new bytes at any time, and the next run or ``--undo`` ends what was begun."""
    old = make_installation(tmp_path / "old")
    new = Installation(tmp_path / "new/prefix")
    shutil.copytree(old.prefix, new.prefix, symlinks=True)
    status, duration = children.run("slim", new.site)
    assert status == 0
    before, after = old.files(), new.files()
    assert before != after
    dice, work = random.Random(1), Installation(tmp_path / "work/prefix")  # noqa: S311
    killed = {"slim": 0, "keep": 0, "undo": 0}
    half_done = 0
    while sum(killed.values()) < KILLS:
        renew(old, work)
        what = dice.choice(["slim", "keep", "undo"])
        if what == "undo":
            assert children.run("keep", work.site)[0] == 0
        status, seconds = children.run(what, work.site, dice.uniform(0, duration))
        if status >= 0:
            duration = max(seconds * 0.9, 0.01) if what != "undo" else duration
            continue
        killed[what] += 1
        found = work.files()
        check_whole(found, before, after)
        half_done += (work.site / JOURNAL / "swapping.json").exists() or (work.site / JOURNAL / "undoing.json").exists()
        finish(children, work, before, after, undo=dice.random() < 0.5)
    assert min(killed.values()) > 5, killed
    assert half_done > 5


def renew(old: Installation, work: Installation) -> None:
    if work.prefix.exists():
        shutil.rmtree(work.prefix)
    shutil.copytree(old.prefix, work.prefix, symlinks=True)


def check_whole(found: dict[str, bytes], before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """Each path is old or new; only what goes may be missing."""
    for path, data in before.items():
        if path in found:
            assert found[path] in {data, after.get(path)}, path
        else:
            assert path not in after, path
    assert all(path in before or JOURNAL in path for path in found)


def finish(
    children: Children, work: Installation, before: dict[str, bytes], after: dict[str, bytes], *, undo: bool
) -> None:
    status, _ = children.run("undo" if undo else "slim", work.site)
    if undo:
        # 2: nothing had been changed, or all of it was done.
        assert (status, work.files()) in {0: [(0, before)], 2: [(2, before), (2, after)]}[status]
    elif status == 2:
        # The originals were to be kept, and are: they come back.
        assert children.run("undo", work.site)[0] == 0
        assert work.files() == before
    else:
        assert not journal(work).exists() or work.files().items() >= after.items()
        assert {path: data for path, data in work.files().items() if JOURNAL not in path} in [after, before]
