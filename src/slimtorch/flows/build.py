"""Project → lock → plan → image → where the user wants it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch import stores
from slimtorch.build import assembly, native, service_code
from slimtorch.build.assembly import Assembly
from slimtorch.build.interpreters import here
from slimtorch.build.slimming import Slimming
from slimtorch.errors import ConfigError, LockError
from slimtorch.flows import lock as locking
from slimtorch.flows.packages import NOTHING_SPECIAL, PackageSources
from slimtorch.image import naming, reference
from slimtorch.image.codec import ZSTD, ZSTD_SMALLEST
from slimtorch.image.referrer import refer
from slimtorch.project import config
from slimtorch.project.facts import content, facts
from slimtorch.project.plan import APP, WEIGHTS, LayerPlan, Plan, plan
from slimtorch.slim.marks import LEDGER_TYPE
from slimtorch.slim.model import Policy
from slimtorch.sources import app
from slimtorch.stores import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from slimtorch.host.machine import Machine
    from slimtorch.image.codec import Codec
    from slimtorch.image.model import Image
    from slimtorch.image.reference import Reference
    from slimtorch.inventory.code.model import Code
    from slimtorch.project.lock import Lock
    from slimtorch.project.model import Project
    from slimtorch.tables.gpus import Gpu


LATEST_DATE = 253_402_300_799
"""The last second of the year 9999, which RFC 3339 can write."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to build and where to put it. Empty `outputs`, `tag`, `platform` and `gpus` mean the project's own.

    With `fallback`, a service whose slimmed packages fail their proof is built from the original ones.
    """

    project: Path = Path()
    outputs: tuple[str, ...] = ()
    tag: str = ""
    platform: str = ""
    sources: PackageSources = NOTHING_SPECIAL
    locked: bool = False
    gpus: tuple[Gpu, ...] = ()
    fallback: bool = False


@dataclass(frozen=True, slots=True)
class Built:
    """A finished image called `name` (``digits:v1.0``): one of `images`, compressed for its place, per reference.

    `ledger` is the file that says what slimming did, None where it did nothing.
    """

    name: str
    images: tuple[Image, ...]
    plan: Plan
    references: tuple[str, ...]
    ledger: bytes | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a build would make: the plan, and the service's own layers as (name, files, bytes)."""

    name: str
    plan: Plan
    service: tuple[tuple[str, int, int], ...]

    def download(self, layer: LayerPlan) -> int:
        """Bytes of the wheels and packages behind a layer."""
        return sum(file.size for file in self.plan.pinned.files if file.owner in layer.owners)


def build(request: Request, machine: Machine) -> Built:
    """The project as an image, at every place that was asked for.

    Raises:
        SlimtorchError: the project, the lock, a download or an output is not right; nothing half-made is left behind.
    """
    project = config.load(request.project)
    lock = _lock(project, request, machine)
    planned = _plan(project, lock, request, machine)
    outputs = _outputs(project, planned, request)
    _say_secrets(project, machine)
    code = cache(lambda: service_code.read(project))
    _say_compilers(project, planned, machine, code)
    bought = replace(project, os=request.sources.os(project))
    slimming = Slimming(project, _policy(project, request), code, request.fallback)
    indexes = request.sources.indexes(bought, machine)
    with ExitStack() as rooms:
        materials = assembly.materials(
            Assembly(bought, lock, planned, indexes, machine, slimming, partial(_room, rooms, machine))
        )
        images, written = [], []
        for output, name in outputs:
            images.append(native.build(planned, materials, _codec(project, output), machine.cache, machine.progress))
            written.append(_written(images[-1], output, name, machine))
    return Built(outputs[0][1], tuple(images), planned, tuple(written), native.ledger(images[0], machine.cache))


def _room(rooms: ExitStack, machine: Machine) -> Path:
    return rooms.enter_context(machine.cache.scratch())


def _policy(project: Project, request: Request) -> Policy:
    """What may go, for the GPUs that were asked for; the code of all others, as it is, where none were."""
    return Policy(project.slim, request.gpus or project.torch.gpus)


def _written(image: Image, output: Reference, name: str, machine: Machine) -> str:
    """The reference of the image where it was wanted, with its ledger beside it where the place can keep one."""
    written = stores.write(image, output, machine, name=name)
    data = native.ledger(image, machine.cache) if output.scheme == "oci" else None
    if data is not None:
        layout.attach(refer(image.descriptor, data, LEDGER_TYPE, "ledger.json"), output.path)
    return written


def _codec(project: Project, output: Reference) -> Codec:
    """What the layers are compressed with: whoever traced a service wants the fewest bytes, and waits for them."""
    codec = stores.codec_for(output)
    return ZSTD_SMALLEST if codec is ZSTD and project.slim.traced else codec


def preview(request: Request, machine: Machine) -> Preview:
    """The plan of a project, without downloading or writing anything."""
    project = config.load(request.project)
    planned = _plan(project, _lock(project, request, machine, write=False), request, machine)
    _say_secrets(project, machine)
    _say_compilers(project, planned, machine)
    service, weights = app.tree(project)
    trees = {WEIGHTS: weights, APP: service}
    parts = tuple((name, tree.files, tree.size) for name, tree in trees.items() if tree)
    return Preview(f"{project.image.name}:{_tag(project, planned, request)}", planned, parts)


def _say_compilers(project: Project, planned: Plan, machine: Machine, code: Callable[[], Code] | None = None) -> None:
    for note in service_code.compiler_notes(project, planned.pinned.wheels, code):
        machine.progress.note(note)


def _say_secrets(project: Project, machine: Machine) -> None:
    if hidden := app.left_out(project):
        names = ", ".join(hidden[:5]) + (" …" if len(hidden) > 5 else "")
        machine.progress.note(f"left out, because they look like secrets: {names}; [app] include can name them")


def _lock(project: Project, request: Request, machine: Machine, *, write: bool = True) -> Lock:
    if locking.lock_path(project).is_file():
        return locking.fresh(project, machine)
    if request.locked:
        raise LockError(f"{locking.lock_path(project)} is not there", hint="make it with `slimtorch lock`")
    machine.progress.note(f"there is no {locking.NAME} yet; locking first")
    return locking.lock(locking.Request(request.project, request.sources, write=write), machine).lock


def _plan(project: Project, lock: Lock, request: Request, machine: Machine) -> Plan:
    platform = request.platform or (here() if here() in project.platforms else project.platforms[0])
    if not request.platform and len(project.platforms) > 1:
        others = ", ".join(name for name in project.platforms if name != platform)
        machine.progress.note(f"building for {platform}; --platform builds for {others}")
    return plan(project, lock, platform, created=_epoch(machine.environ))


def _epoch(environ: Mapping[str, str]) -> int:
    text = environ.get("SOURCE_DATE_EPOCH", "0")
    if not text.isdecimal() or int(text) > LATEST_DATE:
        raise ConfigError("SOURCE_DATE_EPOCH", [f"{text[:40]!r} is not a number of seconds since 1970"])
    return int(text)


def _tag(project: Project, planned: Plan, request: Request) -> str:
    if request.tag:
        return _checked(request.tag, project, planned)
    return naming.tag(project.image.tag, _holds(project, planned), allow_latest=project.image.allow_latest)


def _checked(tag: str, project: Project, planned: Plan) -> str:
    """A tag that the user chose, once it is known to be true of the image."""
    return naming.check(tag, _holds(project, planned), allow_latest=project.image.allow_latest)


def _holds(project: Project, planned: Plan) -> naming.Content:
    return content(facts(planned.pinned.wheels), project.image, planned.python)


def _outputs(project: Project, planned: Plan, request: Request) -> list[tuple[Reference, str]]:
    """Each output with its tag filled in, and the image's full name there."""
    tag = _tag(project, planned, request)
    wanted = request.outputs or (f"oci:dist/{project.image.name}",)
    outputs = []
    for text in wanted:
        output = reference.parse(text, exists=False)
        own = output.tag
        if output.scheme in {"docker", "podman"}:
            own = output.location.rpartition("/")[2].partition(":")[2]
            output = output if own else replace(output, location=f"{output.location}:{tag}")
        elif output.scheme == "oci" and not own:
            output = replace(output, tag=tag)
        chosen = _checked(own, project, planned) if own else tag
        outputs.append((output, f"{project.image.name}:{chosen}"))
    return outputs
