"""The bare cost of an image: what has to be done to a tree whatever tool does it, done in the plainest way.

Compile every Python source on two cores, then one pass that makes a tar, hashes it, compresses it with zstd at level 3
on two threads and hashes the result.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bench.measure import environment

from slimtorch.image.zstandard import CompressionParameter, ZstdCompressor

if TYPE_CHECKING:
    from typing_extensions import Buffer

PYTHON = shutil.which("python3.11", path="/usr/bin") or sys.executable
"""Debian's own build of the image's Python where there is one: others may be slower, which would flatter slimtorch."""

CORES = 2
LEVEL = 3
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Bare:
    """Seconds of both halves, and the bytes that came out."""

    compiling: float
    packing: float
    tar: int
    zstd: int

    @property
    def seconds(self) -> float:
        """Both halves."""
        return self.compiling + self.packing


class Sink(io.RawIOBase):
    """Takes a tar; keeps its hash, its compressed form and that form's hash."""

    def __init__(self, out: BinaryIO) -> None:
        super().__init__()
        workers: dict[int, int] = {
            CompressionParameter.compression_level: LEVEL,
            CompressionParameter.nb_workers: CORES,
        }
        self._compressor = ZstdCompressor(options=workers)
        self._out = out
        self._plain, self._packed = hashlib.sha256(), hashlib.sha256()
        self.tar = self.zstd = 0

    def write(self, data: Buffer) -> int:
        """Takes the next bytes of the tar."""
        data = memoryview(data)
        self._plain.update(data)
        self.tar += len(data)
        self._put(self._compressor.compress(data))
        return len(data)

    def finish(self) -> tuple[str, str]:
        """Both hashes, once the last byte is written."""
        self._put(self._compressor.flush())
        return self._plain.hexdigest(), self._packed.hexdigest()

    def _put(self, packed: bytes) -> None:
        self._packed.update(packed)
        self.zstd += len(packed)
        self._out.write(packed)


def bare(tree: Path, scratch: Path) -> Bare:
    """The bare cost of `tree`, which gets its bytecode written anew; `scratch` is a file to write to."""
    for compiled in tree.rglob("*.pyc"):
        compiled.unlink()
    started = time.perf_counter()
    compile_tree(tree)
    compiling = time.perf_counter() - started
    started = time.perf_counter()
    with scratch.open("wb") as out:
        sink = Sink(out)
        with tarfile.open(fileobj=sink, mode="w|", bufsize=BLOCK, format=tarfile.PAX_FORMAT) as archive:
            archive.add(tree, arcname="")
        sink.finish()
    packing = time.perf_counter() - started
    scratch.unlink()
    return Bare(compiling, packing, sink.tar, sink.zstd)


def compile_tree(tree: Path) -> None:
    """Write bytecode for every source below `tree`. Sources that do not compile (tests, templates) are skipped."""
    options = ["-q", "-q", "-j", str(CORES), "--invalidation-mode", "unchecked-hash"]
    subprocess.run([PYTHON, "-m", "compileall", *options, str(tree)], env=environment(), check=False)


def main() -> None:
    """Print the bare cost of the tree named on the command line."""
    tree = Path(sys.argv[1])
    cost = bare(tree, tree.parent / f"{tree.name}.tar.zst")
    print(
        f"{cost.seconds:.2f} s: compile {cost.compiling:.2f}, pack {cost.packing:.2f}; {cost.tar} → {cost.zstd} bytes"
    )


if __name__ == "__main__":
    main()
