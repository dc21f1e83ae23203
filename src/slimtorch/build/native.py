"""Plan → Image without a daemon: one tree, split last, each layer kept in the cache by what it holds.

The layers below the service's own files (the stack) depend on the plan alone. When the cache knows them, a build
touches neither wheels nor distribution packages: it packs the service's files and writes a few kilobytes of JSON.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from slimtorch.image import digest as digests
from slimtorch.image.layer import FILES_ANNOTATION, SIZE_ANNOTATION, Descriptor, Layer
from slimtorch.image.model import assemble
from slimtorch.image.pack import pack
from slimtorch.image.split import split, tree_digest
from slimtorch.image.tree import Kind
from slimtorch.project.plan import APP, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slimtorch.host.cache import Cache
    from slimtorch.host.progress import Progress
    from slimtorch.image.codec import Codec
    from slimtorch.image.model import Image
    from slimtorch.image.tree import FileTree
    from slimtorch.project.plan import Plan

FORMAT = 2
"""Changes when what is kept of a layer does."""
PACKERS = 2
"""Layers packed at once; the codec's own threads fill what one layer's reading and hashing leave idle."""


@dataclass(frozen=True, slots=True)
class Materials:
    """What a plan is built from. `stack` assembles the tree below the service's own files, when it is needed at all."""

    stack: Callable[[], FileTree]
    app: FileTree
    weights: FileTree
    base: Image | None = None


def build(plan: Plan, materials: Materials, codec: Codec, cache: Cache, progress: Progress) -> Image:
    """The image of this plan. Equal plans, materials and codecs give equal bytes.

    Raises:
        VerificationError: a wheel's or package's file is not what its own list promises.
    """
    service = {name: tree for name, tree in ((WEIGHTS, materials.weights), (APP, materials.app)) if tree}
    layers = [
        *(materials.base.layers if materials.base else ()),
        *_stack(plan, materials.stack, codec, cache, progress),
        *_pack_all(service, codec, cache, progress),
    ]
    labels = {**plan.runtime.labels, "io.slimtorch.plan": plan.digest}
    runtime = replace(plan.runtime, labels=labels, env={**_inherited(materials.base), **plan.runtime.env})
    annotations = {name: value for name, value in labels.items() if name.startswith("org.opencontainers.")}
    annotations["org.opencontainers.image.created"] = runtime.created_text
    return assemble(runtime, layers, annotations)


def _inherited(base: Image | None) -> dict[str, str]:
    """The base image's environment, which its libraries may rely on."""
    rows = base.settings.get("config", {}).get("Env") or [] if base else []
    return dict(row.partition("=")[::2] for row in rows)


def _stack(plan: Plan, tree: Callable[[], FileTree], codec: Codec, cache: Cache, progress: Progress) -> list[Layer]:
    key = digests.of_json([FORMAT, plan.stack_digest, codec.id])
    record = cache.record("stack", key)
    if record is not None:
        known = [_from_record(item, cache) for item in record["layers"]]
        if None not in known:
            return [layer for layer in known if layer is not None]
    groups = {owner: layer.name for layer in plan.layers for owner in layer.owners}
    layers = _pack_all(split(tree(), groups, largest=plan.layering.largest), codec, cache, progress)
    cache.put_record("stack", key, {"layers": [_to_record(layer) for layer in layers]})
    return layers


def _pack_all(parts: Mapping[str, FileTree], codec: Codec, cache: Cache, progress: Progress) -> list[Layer]:
    """The parts as layers, in their order. The largest start first, so that no core waits for one at the end."""

    def one(name: str) -> Layer:
        return _pack(name, parts[name], codec, cache, progress)

    with ThreadPoolExecutor(PACKERS) as pool:
        running = {name: pool.submit(one, name) for name in sorted(parts, key=lambda name: -parts[name].size)}
        try:
            return [running[name].result() for name in parts]
        finally:
            for future in running.values():
                future.cancel()


def _pack(name: str, tree: FileTree, codec: Codec, cache: Cache, progress: Progress) -> Layer:
    key = digests.of_json([FORMAT, name, tree_digest(tree), codec.id])
    record = cache.record("layer", key)
    if record is not None and (known := _from_record(record, cache)) is not None:
        return known
    with ExitStack() as stack:
        task = stack.enter_context(progress.task(f"layer {name}", tree.size))
        sink = stack.enter_context(cache.writer(what=f"layer {name}"))
        diff_id, blob = pack(tree, name, codec, sink, on_bytes=task.advance)
    annotations = {**blob.annotations, FILES_ANNOTATION: str(_files(tree)), SIZE_ANNOTATION: str(tree.size)}
    blob = replace(blob, annotations=annotations)
    layer = Layer(diff_id, blob, partial(cache.blob_path(blob.digest).open, "rb"))
    cache.put_record("layer", key, _to_record(layer))
    return layer


def _files(tree: FileTree) -> int:
    return sum(entry.kind is not Kind.DIRECTORY for entry in tree.entries())


def _to_record(layer: Layer) -> dict[str, Any]:
    return {"diff_id": layer.diff_id, "blob": layer.blob.to_json()}


def _from_record(record: Mapping[str, Any], cache: Cache) -> Layer | None:
    blob = record["blob"]
    digest = digests.Digest(blob["digest"])
    path = cache.blob(digest)
    if path is None or path.stat().st_size != blob["size"]:
        return None
    descriptor = Descriptor(blob["mediaType"], digest, blob["size"], blob.get("annotations", {}))
    return Layer(digests.Digest(record["diff_id"]), descriptor, partial(path.open, "rb"))
