"""An installed ``torch`` with its CUDA packages, slimmed in place in several ways. Needs 20 GB of disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import Run, environment, run
from bench.slim.imports import Imported, imported

if TYPE_CHECKING:
    from collections.abc import Iterator

TORCH = "torch==2.14.1"
SLIMTORCH = [sys.executable, "-m", "slimtorch"]
STUBS = ("nccl", "cufft", "cusparse", "cusparselt", "curand", "cusolver", "nvshmem", "nvjitlink")
# What the code of a service would say, if there were one here: that it compiles nothing.
NO_COMPILER = ("torch/include/**", "nvidia/*/include/**", "nvidia/**/*.a")
VARIANTS: dict[str, tuple[str, ...]] = {
    "safe": (),
    "safe, vendor": ("--vendor",),
    "inference, vendor, stubs": (
        "--profile",
        "inference",
        "--vendor",
        *(word for name in STUBS for word in ("--stub", name)),
        *(word for pattern in NO_COMPILER for word in ("--drop", pattern)),
    ),
}
ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Slimmed:
    """One way of slimming: bytes on the disk and as a zstd -3 tar, what it took, and what importing torch takes.

    `beside` is what importing the original took, in turn with it.
    """

    disk: int
    tar: int
    files: int
    torch_cuda: int
    seconds: float
    peak_rss: int
    imports: Imported
    beside: Imported


@dataclass(frozen=True, slots=True)
class Tree:
    """The install as it comes, the cost of copying and hashing it, and every variant."""

    original: Slimmed
    copied: float
    variants: dict[str, Slimmed]


def measure(folder: Path) -> Tree:
    """Everything, in one run; `folder` is on the disk that is measured."""
    venv = folder / "venv"
    install(venv)
    copied = baseline(venv, folder / "copied")
    original = None
    found = {}
    for name, options in VARIANTS.items():
        with copy(venv, folder / "slimmed") as place:
            took = run([*SLIMTORCH, "slim", f"dir:{site(place)}", "--gpu", "h100", *options])
            before, after = imported(venv, place, rounds=ROUNDS)
            original = original or sizes(venv, Run(0, 0, "", ""), (before, before))
            found[name] = sizes(place, took, (after, before))
    assert original is not None
    return Tree(original, copied, found)


def install(venv: Path) -> None:
    """A virtual environment with torch and what it needs, without pip and bytecode."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "install"]
    subprocess.run([*pip, "--quiet", "--no-compile", "--no-cache-dir", TORCH], check=True, env=environment())


def site(venv: Path) -> Path:
    """The environment's site-packages."""
    return next(venv.glob("lib/python3.*/site-packages"))


@contextmanager
def copy(venv: Path, place: Path) -> Iterator[Path]:
    """A copy of the environment that shares its files: who changes one has to replace it."""
    subprocess.run(["cp", "-al", str(venv), str(place)], check=True)
    try:
        yield place
    finally:
        shutil.rmtree(place)


def baseline(venv: Path, place: Path) -> float:
    """Seconds of ``cp`` and ``sha256sum`` over the same tree, the copy's pages still in memory."""
    script = 'cp -r "$1" "$2" && find "$2" -type f -print0 | xargs -0 sha256sum > /dev/null'
    try:
        return run(["sh", "-c", script, "sh", str(site(venv)), str(place)]).seconds
    finally:
        shutil.rmtree(place, ignore_errors=True)


def sizes(venv: Path, took: Run, imports: tuple[Imported, Imported]) -> Slimmed:
    """What is on the disk now, bytecode not counted."""
    place = site(venv)
    files = {status.st_ino: status.st_size for status in _files(place)}
    library = place / "torch" / "lib" / "libtorch_cuda.so"
    return Slimmed(
        disk=sum(files.values()),
        tar=tarred(place),
        files=len(files),
        torch_cuda=library.stat().st_size,
        seconds=took.seconds,
        peak_rss=took.peak_rss,
        imports=imports[0],
        beside=imports[1],
    )


def tarred(place: Path) -> int:
    """Bytes of the folder as one zstd -3 tar, sorted, bytecode left out."""
    script = 'tar --sort=name --exclude=__pycache__ -C "$1" -cf - . | zstd -q -3 -T2 | wc -c'
    return int(subprocess.run(["sh", "-c", script, "sh", str(place)], check=True, capture_output=True).stdout)


def _files(place: Path) -> Iterator[os.stat_result]:
    for folder, folders, names in os.walk(place):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from ((Path(folder) / name).lstat() for name in names)
