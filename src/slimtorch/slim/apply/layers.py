"""The edited tree of an image, back in the layers that it came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from slimtorch.image.layer import Layer
from slimtorch.image.opened import below, listed, traced, unpacked
from slimtorch.image.pack import pack
from slimtorch.image.relayer import changes, check, result
from slimtorch.image.rewriting import rewrite, same_codec
from slimtorch.image.tree import FileTree, with_parents

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from slimtorch.host.cache import Cache
    from slimtorch.host.progress import Progress
    from slimtorch.image.opened import Opened, Traced
    from slimtorch.image.relayer import Changes


@dataclass(frozen=True, slots=True)
class Work:
    """Layers that were read, and what a container of them sees."""

    opened: tuple[Opened, ...]
    before: Traced


def read(layers: Sequence[Layer], root: Path, progress: Progress, *, ownership: bool) -> Work:
    """The layers, unpacked into `root`, an empty folder.

    Raises:
        ArchiveError: a layer is damaged or hostile.
        VerificationError: a layer's bytes are not the promised ones.
    """
    with progress.task("unpacking", 0) as task:
        opened = unpacked(layers, root, ownership=ownership, on_bytes=task.advance)
    return Work(tuple(opened), traced([[standing.entry for standing in layer.standings] for layer in opened]))


def tree(work: Work, root: Path) -> FileTree:
    """What a container of the layers sees, its contents read from the files in `root`, where `read` put them.

    Folders that no layer lists are in it too, because a container sees them.
    """
    return with_parents(below(work.before.tree, root), "")


def remade(work: Work, wanted: FileTree, cache: Cache, progress: Progress) -> list[Layer]:
    """The layers that give `wanted`: new ones where something changes, the same ones elsewhere.

    What was written is read back: the new layers, over and under those that stay, give the tree.

    Raises:
        ProofError: they do not.
    """
    wanted = FileTree(entry for path, entry in wanted.items() if path in work.before.tree)
    found = changes(work.opened, work.before, wanted)
    layers = [
        _rewritten(opened, changed, cache, progress) if changed else opened.layer
        for opened, changed in zip(work.opened, found, strict=True)
    ]
    with progress.task("reading back", 0):
        again = [
            opened if layer is opened.layer else listed(layer)
            for opened, layer in zip(work.opened, layers, strict=True)
        ]
    check(result(again, [{} for _ in again]).tree, wanted)
    return layers


def packed(tree: FileTree, name: str, like: Layer, cache: Cache) -> Layer:
    """A small tree as a layer of its own, of the media type of another one."""
    with cache.writer(what=f"layer {name}") as sink:
        diff_id, blob = pack(tree, name, same_codec(like), sink)
    blob = replace(blob, media_type=like.blob.media_type)
    return Layer(diff_id, blob, partial(cache.blob_path(blob.digest).open, "rb"))


def _rewritten(opened: Opened, changed: Changes, cache: Cache, progress: Progress) -> Layer:
    what = f"layer {opened.layer.name or opened.layer.blob.digest.hex[:12]}"
    with progress.task(what, opened.standings[-1].end) as task, cache.writer(what=what) as sink:
        diff_id, blob = rewrite(opened, changed, sink, on_bytes=task.advance)
    return Layer(diff_id, blob, partial(cache.blob_path(blob.digest).open, "rb"))
