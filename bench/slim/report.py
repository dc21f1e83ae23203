"""Tables for docs/benchmarks.md, each figure beside what was promised of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.measure import machine
from bench.promises import Row, markdown, seconds, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.slim.digits import Compared
    from bench.slim.tree import Tree

DISK = {"safe": 4.3e9, "safe, vendor": 3.1e9, "inference, vendor, stubs": 1.8e9}
TAR = {"safe": 2.3e9, "safe, vendor": 1.25e9, "inference, vendor, stubs": 0.78e9}
PULL = {"safe": 0.62, "inference": 0.45, "traced": 0.35}
UNPACKED = {"safe": 0.62, "inference": 0.5, "traced": 0.42}


def tree(found: Tree) -> str:
    """The CUDA install."""
    facts = {"torch": "2.14.1, CUDA 13", "for": "h100", **machine()}
    return markdown(_tree_rows(found), facts, ours="slimmed", theirs="as installed")


def _tree_rows(found: Tree) -> Iterator[Row]:
    whole = found.original
    for name, one in found.variants.items():
        yield Row(
            f"{name}: on the disk", size(one.disk), size(whole.disk), one.disk / whole.disk, DISK[name] / whole.disk
        )
        yield Row(f"{name}: zstd -3 tar", size(one.tar), size(whole.tar), one.tar / whole.tar, TAR[name] / whole.tar)
        yield Row(f"{name}: files", f"{one.files:,}", f"{whole.files:,}", one.files / whole.files)
        ratio = one.torch_cuda / whole.torch_cuda
        yield Row(f"{name}: libtorch_cuda.so", size(one.torch_cuda), size(whole.torch_cuda), ratio, 0.31)
        yield Row(
            f"{name}: all passes, against cp and sha256sum",
            seconds(one.seconds),
            seconds(found.copied),
            one.seconds / found.copied,
            2,
        )
        yield Row(f"{name}: peak memory, limit 200 MB", size(one.peak_rss), "", one.peak_rss / 200e6, 1)
        now, before = one.imports, one.beside
        yield Row(
            f"{name}: `import torch`", seconds(now.seconds), seconds(before.seconds), now.seconds / before.seconds, 1.1
        )
        yield Row(
            f"{name}: memory after it", size(now.resident), size(before.resident), now.resident / before.resident, 1.02
        )
        yield Row(f"{name}: mappings", str(now.mappings), str(before.mappings), now.mappings / before.mappings, 3)


def digits(found: Compared) -> str:
    """The digits image."""
    return markdown(_digits_rows(found), {"base of the reference": "minbase", **machine()})


def _digits_rows(found: Compared) -> Iterator[Row]:
    theirs = found.reference
    for name, one in found.profiles.items():
        pull = one.pull / theirs.pull_gzip
        yield Row(f"{name}: bytes to pull", size(one.pull), size(theirs.pull_gzip), pull, PULL.get(name))
        unpacked = one.unpacked / theirs.unpacked
        yield Row(f"{name}: bytes unpacked", size(one.unpacked), size(theirs.unpacked), unpacked, UNPACKED.get(name))
