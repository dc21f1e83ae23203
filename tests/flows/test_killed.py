"""``kill -9`` at any moment: cache and output stay whole, and the next build goes on as if nothing had been.

A hundred times in all: mostly builds that change one line, some from a cache that has to unpack, compile and pack anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slimtorch.host.cache import Cache
from slimtorch.image.validate import validate
from slimtorch.stores import layout
from tests.support.layers import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.shop import Shop

QUICK, THOROUGH = 20, 5
"""Kills of each kind in one test; there are four tests."""
TOP = {"apt", "blobs", "folders", "in-use", "locks", "records", "tmp"}
NAMES = {"blobs": r"[0-9a-f]{2}/[0-9a-f]{62}", "records": r"[a-z]+/[0-9a-f]{64}", "folders": r"[a-z]+/[0-9a-f]{64}"}
TAG = "work"


def start(shop: Shop, output: Path) -> subprocess.Popen[bytes]:
    argv = shop.argv("-q", "build", "--locked", "--tag", TAG, "--apt-mirror", shop.stock.mirror, "-o", f"oci:{output}")
    return subprocess.Popen(argv, env=shop.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_after(process: subprocess.Popen[bytes], delay: float) -> bool:
    """Whether it still ran, and was killed."""
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


def forget(cache: Path) -> None:
    """Leaves only what was downloaded: the rest has to be made again."""
    for name in ("folders", "records/stack", "records/layer", "records/bytecode"):
        shutil.rmtree(cache / name, ignore_errors=True)


class Blobs:
    """Hashes every file that is named by its hash, each only once."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, int, int]] = set()

    def check(self, paths: Iterable[Path]) -> None:
        for path in paths:
            status = path.stat()
            if (mark := (str(path), status.st_ino, status.st_size)) not in self._seen:
                assert hashlib.sha256(path.read_bytes()).hexdigest() in {path.name, path.parent.name + path.name}
                self._seen.add(mark)


def check_cache(folder: Path, blobs: Blobs) -> None:
    blobs.check((folder / "blobs").glob("*/*"))
    assert {path.name for path in folder.iterdir()} <= TOP
    for part, pattern in NAMES.items():
        for path in (folder / part).glob("*/*"):
            assert re.fullmatch(pattern, path.relative_to(folder / part).as_posix()), path
    for path in (folder / "records").glob("*/*"):
        json.loads(path.read_bytes())


def digest_of(output: Path, blobs: Blobs) -> str:
    """The digest of the image, whose blobs are all there and are what their names say."""
    image = layout.read(output, TAG)
    wanted = {layer.blob.digest.hex for layer in image.layers} | {image.config_descriptor.digest.hex, image.digest.hex}
    present = list((output / "blobs/sha256").iterdir())
    blobs.check(present)
    assert wanted <= {path.name for path in present}
    return str(image.digest)


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_build_leaves_everything_whole(shop: Shop, tmp_path: Path, seed: int) -> None:
    own, output, dice = shop.with_cache(tmp_path / "cache"), tmp_path / "out", random.Random(seed)  # noqa: S311
    line, blobs = 0, Blobs()
    durations = {}
    for thorough in (False, True):
        line = prepare(own, line, thorough=thorough)
        began = time.monotonic()
        assert start(own, output).wait(60) == 0
        durations[thorough] = time.monotonic() - began
    current = digest_of(output, blobs)
    kills = [True] * THOROUGH + [False] * QUICK
    dice.shuffle(kills)
    while kills:
        thorough = kills.pop()
        line = prepare(own, line, thorough=thorough)
        delay = dice.uniform(0.02, durations[thorough])
        if kill_after(start(own, output), delay):
            durations[thorough] *= 1.05
        else:
            # It was quicker than the one that was measured, and does not count.
            durations[thorough] = delay
            kills.insert(0, thorough)
        check_cache(own.cache, blobs)
        found = digest_of(output, blobs)
        if found != current:
            assert f"# line {line}\n".encode() in unpacked(layout.read(output, TAG).layers[-1])
            current = found
    finish(own, output, shop)


def prepare(shop: Shop, line: int, *, thorough: bool) -> int:
    """A new last line for the service, whose number this gives; when `thorough`, an almost empty cache."""
    if thorough:
        forget(shop.cache)
    source = (shop.project / "serve.py").read_text().split("# line ")[0]
    shop.write("serve.py", f"{source}# line {line + 1}\n")
    return line + 1


def finish(own: Shop, output: Path, shop: Shop) -> None:
    """A build that nobody kills gives what an undisturbed one gives; leftovers are swept once they are old."""
    assert start(own, output).wait(60) == 0
    undisturbed = shop.build("--tag", TAG, "-o", f"oci:{output.parent}/undisturbed").ok().references[0]
    assert digest_of(output, Blobs()) == undisturbed.rpartition("@")[2]
    assert validate(layout.read(output, TAG)) == []
    assert running(own.cache) == []
    assert list(Cache(own.cache).verify()) == []
    names = {path.name for path in output.iterdir() if not re.fullmatch(r"\..+\.tmp", path.name)}
    assert names == {"blobs", "index.json", "oci-layout"}
    long_ago = time.time() - 48 * 3600
    for path in (*(own.cache / "tmp").iterdir(), *output.glob(".*.tmp")):
        os.utime(path, (long_ago, long_ago))
    own("cache", "prune", "--keep", "100GB").ok()
    assert start(own, output).wait(60) == 0
    assert list((own.cache / "tmp").iterdir()) == []
    assert {path.name for path in output.iterdir()} == names


def running(cache: Path) -> list[str]:
    """Processes that a killed build has left behind."""
    deadline = time.monotonic() + 30
    while (found := _running(cache)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _running(cache: Path) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(cache).encode() in path.read_bytes():
                found.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return found
