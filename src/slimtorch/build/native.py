"""Plan → Image without a daemon: one tree, split last, each layer kept in the cache by what it holds.

The layers below the service's own files (the stack) depend on the plan alone. When the cache knows them, a build
touches neither wheels nor distribution packages: it packs the service's files and writes a few kilobytes of JSON.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from slimtorch.errors import ArchiveError
from slimtorch.image import digest as digests
from slimtorch.image.codec import CODEC_ANNOTATION
from slimtorch.image.layer import FILES_ANNOTATION, SIZE_ANNOTATION, Descriptor, Layer
from slimtorch.image.model import assemble
from slimtorch.image.pack import pack
from slimtorch.image.split import split, tree_digest
from slimtorch.image.tree import Entry, FileTree, Kind, directory
from slimtorch.inventory.service import of_settings
from slimtorch.project import gpu_check
from slimtorch.project.plan import APP, WEIGHTS
from slimtorch.slim import marks as marking
from slimtorch.slim.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slimtorch.build.slim_stack import Slimmed
    from slimtorch.host.cache import Cache
    from slimtorch.host.progress import Progress
    from slimtorch.image.codec import Codec
    from slimtorch.image.config import Runtime
    from slimtorch.image.model import Image
    from slimtorch.project.plan import Plan

FORMAT = 4
"""Changes when what is kept of a layer does."""
PLAN_LABEL = "io.slimtorch.plan"
PACKERS = 2
"""Layers packed at once; the codec's own threads fill what one layer's reading and hashing leave idle."""


@dataclass(frozen=True, slots=True)
class Materials:
    """What a plan is built from. `stack` assembles the tree below the service's own files, when it is needed at all.

    `identity` names what decides the stack beside the plan: data that slimtorch brings, what is slimmed, and whether
    there is bytecode. `attempt` keeps stacks apart that were made under other conditions and may be the same.
    """

    stack: Callable[[], Slimmed]
    app: FileTree
    weights: FileTree
    identity: str = ""
    base: Image | None = None
    attempt: str = ""


@dataclass(frozen=True, slots=True)
class Stack:
    """The layers below the service's own files, and what those have to respect.

    `folders` are the directories that are not simply root's; `taken` are the paths of files below the working
    directory. `marks` is what slimming lets the image say.
    """

    layers: tuple[Layer, ...]
    folders: Mapping[str, Entry]
    taken: frozenset[str]
    marks: Marks

    def carry(self, tree: FileTree) -> FileTree:
        """The service's tree with the stack's directories as they are.

        Raises:
            ArchiveError: a package brings a file of the same name.
        """
        if clash := self.taken & tree.keys():
            first = min(clash)
            raise ArchiveError(
                f"the project and a package both bring /{first}", hint="rename it, or choose another [service] workdir"
            )
        return FileTree(self.folders.get(entry.path, entry) for entry in tree.entries())


def build(plan: Plan, materials: Materials, codec: Codec, cache: Cache, progress: Progress) -> Image:
    """The image of this plan. Equal plans, materials and codecs give equal bytes.

    Raises:
        VerificationError: a wheel's or package's file is not what its own list promises.
        ArchiveError: two owners bring different things to one path.
    """
    stack = _stack(plan, materials, codec, cache, progress)
    trees = ((WEIGHTS, materials.weights), (APP, materials.app))
    service = {name: stack.carry(tree) for name, tree in trees if tree}
    layers = [
        *(materials.base.layers if materials.base else ()),
        *stack.layers,
        *_pack_all(service, codec, cache, progress),
    ]
    made_of = digests.of_json([plan.digest, materials.identity])
    labels = {**stack.marks.labels, **plan.runtime.labels, PLAN_LABEL: made_of}
    env = {**_inherited(materials.base), **stack.marks.env, **plan.runtime.env}
    runtime = _checked(replace(plan.runtime, labels=labels, env=env), plan, stack.marks.arguments)
    annotations = {name: value for name, value in labels.items() if name.startswith("org.opencontainers.")}
    annotations["org.opencontainers.image.created"] = runtime.created_text
    annotations[CODEC_ANNOTATION] = codec.id
    return assemble(runtime, layers, annotations)


def ledger(image: Image, cache: Cache) -> bytes | None:
    """What slimming did to a built image, as the file that refers to it; None where it did nothing."""
    named = (image.settings["config"].get("Labels") or {}).get(marking.LEDGER)
    record = cache.record("ledger", digests.Digest(named)) if named else None
    path = cache.blob(digests.Digest(record["blob"])) if record else None
    return path.read_bytes() if path else None


def _checked(runtime: Runtime, plan: Plan, arguments: tuple[str, ...]) -> Runtime:
    """With a start command and a health check that compare the GPU with what was kept, where that is to be compared."""
    if not arguments:
        return runtime
    start = gpu_check.entrypoint(str(plan.interpreter), arguments)
    health = runtime.health and replace(runtime.health, test=(*runtime.health.test, *arguments))
    return replace(runtime, entrypoint=start, health=health)


def _inherited(base: Image | None) -> dict[str, str]:
    """The base image's environment, which its libraries may rely on."""
    return dict(of_settings(base.settings).env) if base else {}


def _stack(plan: Plan, materials: Materials, codec: Codec, cache: Cache, progress: Progress) -> Stack:
    key = digests.of_json([FORMAT, plan.stack_digest, codec.id, materials.identity, materials.attempt])
    record = cache.record("stack", key)
    if record is not None:
        known = [_from_record(item, cache) for item in record["layers"]]
        marks = Marks(record["marks"]["labels"], record["marks"]["env"], tuple(record["marks"]["arguments"]))
        if None not in known and _has_ledger(marks, cache):
            folders = {
                row[0]: directory(row[0], row[1], mode=row[2], uid=row[3], gid=row[4]) for row in record["folders"]
            }
            return Stack(tuple(layer for layer in known if layer), folders, frozenset(record["taken"]), marks)
    groups = {owner: layer.name for layer in plan.layers for owner in layer.owners}
    slimmed = materials.stack()
    tree = slimmed.tree
    layers = _pack_all(split(tree, groups, largest=plan.layering.largest), codec, cache, progress)
    _keep_ledger(slimmed, cache)
    stack = Stack(tuple(layers), _special_folders(tree), _below(tree, plan.workdir), slimmed.marks)
    rows = [[entry.path, entry.owner, entry.mode, entry.uid, entry.gid] for entry in stack.folders.values()]
    kept = {"layers": [_to_record(layer) for layer in layers], "folders": rows, "taken": sorted(stack.taken)}
    cache.put_record("stack", key, {**kept, "marks": asdict(slimmed.marks)})
    return stack


def _keep_ledger(slimmed: Slimmed, cache: Cache) -> None:
    if slimmed.ledger is None:
        return
    with cache.writer(what="ledger") as blob:
        blob.write(marking.document(slimmed.ledger))
    cache.put_record("ledger", marking.fingerprint(slimmed.ledger), {"blob": blob.digest})


def _has_ledger(marks: Marks, cache: Cache) -> bool:
    named = marks.labels.get(marking.LEDGER)
    record = cache.record("ledger", digests.Digest(named)) if named else None
    return not named or (record is not None and cache.blob(digests.Digest(record["blob"])) is not None)


def _special_folders(tree: FileTree) -> dict[str, Entry]:
    folders = (entry for entry in tree.entries() if entry.kind is Kind.DIRECTORY)
    return {entry.path: entry for entry in folders if (entry.mode, entry.uid, entry.gid) != (0o755, 0, 0)}


def _below(tree: FileTree, workdir: str) -> frozenset[str]:
    prefix = workdir.strip("/") + "/"
    return frozenset(
        path for path, entry in tree.items() if path.startswith(prefix) and entry.kind is not Kind.DIRECTORY
    )


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
    annotations = {**blob.annotations, FILES_ANNOTATION: str(tree.files), SIZE_ANNOTATION: str(tree.size)}
    blob = replace(blob, annotations=annotations)
    layer = Layer(diff_id, blob, partial(cache.blob_path(blob.digest).open, "rb"))
    cache.put_record("layer", key, _to_record(layer))
    return layer


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
