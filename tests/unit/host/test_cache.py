"""The cache keeps what entered, verified, and nothing half-written."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from slimtorch.errors import MachineError, VerificationError
from slimtorch.host.cache import STALE_SECONDS, Cache
from slimtorch.image.digest import of_bytes


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def put(cache: Cache, data: bytes) -> Path:
    with cache.writer() as writer:
        writer.write(data)
    return cache.blob_path(writer.digest)


def test_a_blob_is_found_by_its_digest(cache: Cache) -> None:
    path = put(cache, b"hello")
    assert cache.blob(of_bytes(b"hello")) == path
    assert path.read_bytes() == b"hello"
    assert cache.blob(of_bytes(b"other")) is None


def test_bytes_that_were_not_promised_never_enter(cache: Cache) -> None:
    with (
        pytest.raises(VerificationError, match="wheel x is not what was promised"),
        cache.writer(of_bytes(b"good"), what="wheel x") as writer,
    ):
        writer.write(b"evil")
    assert list(cache.contents()) == []
    assert not any((cache.root / "tmp").iterdir())


def test_an_interrupted_writer_leaves_nothing(cache: Cache) -> None:
    def interrupted() -> None:
        with cache.writer() as writer:
            writer.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert list(cache.contents()) == []
    assert not any((cache.root / "tmp").iterdir())


def test_records_come_back_and_damaged_ones_count_as_none(cache: Cache) -> None:
    key = of_bytes(b"key")
    cache.put_record("layer", key, {"a": 1})
    assert cache.record("layer", key) == {"a": 1}
    (cache.root / "records" / "layer" / key.hex).write_text("{")
    assert cache.record("layer", key) is None


def test_a_folder_is_made_once(cache: Cache) -> None:
    made = []

    def make(path: Path) -> None:
        made.append(path)
        (path / "file").write_text("x")

    key = of_bytes(b"root")
    first = cache.folder("root", key, make)
    second = cache.folder("root", key, make)
    assert first == second
    assert len(made) == 1
    assert (first / "file").read_text() == "x"


def test_a_folder_that_could_not_be_made_is_not_there(cache: Cache) -> None:
    def fail(path: Path) -> None:
        (path / "file").write_text("x")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        cache.folder("root", of_bytes(b"root"), fail)
    assert list(cache.contents()) == []


def test_prune_removes_the_least_recently_used_first(cache: Cache) -> None:
    old, new = put(cache, b"o" * 100), put(cache, b"n" * 100)
    os.utime(old, (1, 1))
    removed = cache.prune(keep_bytes=150)
    assert [item.key for item in removed] == [of_bytes(b"o" * 100).hex]
    assert new.exists()
    assert not old.exists()


def test_the_first_use_sweeps_only_stale_temporary_files(cache: Cache) -> None:
    (cache.root / "tmp").mkdir(parents=True)
    stale, fresh = cache.root / "tmp" / "stale", cache.root / "tmp" / "fresh"
    stale.write_text("x")
    fresh.write_text("x")
    long_ago = time.time() - STALE_SECONDS - 10
    os.utime(stale, (long_ago, long_ago))
    cache.blob(of_bytes(b"anything"))
    assert not stale.exists()
    assert fresh.exists()


def test_verify_finds_and_removes_a_changed_blob(cache: Cache) -> None:
    good, bad = put(cache, b"good"), put(cache, b"bad")
    bad.write_bytes(b"BAD")
    assert [item.key for item in cache.verify()] == [of_bytes(b"bad").hex]
    assert good.exists()
    assert not bad.exists()


def _hold_lock(root: Path, ready: str) -> None:
    with Cache(root).lock("thing"):
        Path(ready).touch()
        time.sleep(60)


def test_a_killed_process_frees_its_lock(cache: Cache, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    process = multiprocessing.get_context("spawn").Process(target=_hold_lock, args=(cache.root, str(ready)))
    process.start()
    deadline = time.monotonic() + 30
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ready.exists()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with cache.lock("thing"):
        pass


def _hold_open(root: Path, ready: str) -> None:
    cache = Cache(root)
    cache.blob(of_bytes(b"x"))
    Path(ready).touch()
    time.sleep(60)


def test_a_cache_in_use_is_not_pruned(cache: Cache, tmp_path: Path) -> None:
    kept = put(cache, b"kept")
    ready = tmp_path / "ready"
    process = multiprocessing.get_context("spawn").Process(target=_hold_open, args=(cache.root, str(ready)))
    process.start()
    deadline = time.monotonic() + 30
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        with pytest.raises(MachineError, match="another slimtorch is using the cache"):
            cache.prune(keep_bytes=0)
        assert kept.exists()
    finally:
        process.kill()
        process.join()
    assert len(cache.prune(keep_bytes=0)) == 1


def test_nobody_else_sees_work_in_progress(cache: Cache) -> None:
    (cache.root / "tmp").mkdir(parents=True)
    (cache.root / "tmp").chmod(0o755)
    with cache.scratch():
        assert (cache.root / "tmp").stat().st_mode & 0o777 == 0o700
