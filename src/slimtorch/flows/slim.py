"""An image without what its policy lets go: layers in which nothing changes stay as they are, byte for byte."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slimtorch import stores
from slimtorch.build import held_out, service_code
from slimtorch.errors import UsageError
from slimtorch.flows.copy import aimed, full_name
from slimtorch.image import reference as references
from slimtorch.image.referrer import refer
from slimtorch.image.renew import renewed
from slimtorch.inventory import service
from slimtorch.inventory.files import of_directory
from slimtorch.probe import access, environment
from slimtorch.probe import place as places
from slimtorch.probe.session import Subject as Started
from slimtorch.project import config
from slimtorch.project.facts import wheels
from slimtorch.slim import marks as marking
from slimtorch.slim import recipe, renewal
from slimtorch.slim import subject as subjects
from slimtorch.slim.apply import layers as relayering
from slimtorch.slim.apply import tree as trees
from slimtorch.slim.model import Note
from slimtorch.slim.proof import clone, dynamic
from slimtorch.stores import layout

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.host.machine import Machine
    from slimtorch.image.model import Image
    from slimtorch.image.reference import Reference
    from slimtorch.probe.place import Place
    from slimtorch.project.model import Project
    from slimtorch.slim.apply.tree import Applied, Source
    from slimtorch.slim.model import Ledger, Policy, Subject

_NO_DIGESTS = frozenset(("docker", "podman", "dir"))
"""Media that keep no compressed layers, so that there is no digest of them that could stay."""
GPU_LAYER = "slimtorch"


@dataclass(frozen=True, slots=True)
class Request:
    """What to slim, how, and where the result goes; with `dry` nothing is written.

    `project` says what the service's own code is, and gives the inputs that both images are asked for.
    """

    reference: str
    output: str
    policy: Policy
    dry: bool = False
    project: Path | None = None


@dataclass(frozen=True, slots=True)
class Slimmed:
    """What was done, or would be. `kept` of the `layers` are the ones that they were; sizes are bytes to pull.

    `reference` is the result's, with its digest; '' when nothing was written. Where nothing changed, the original
    itself is there.
    """

    reference: str
    ledger: Ledger
    changed: bool
    layers: int
    kept: int
    before: int
    after: int


def slim(request: Request, machine: Machine) -> Slimmed:
    """The image at `request.output`, slimmed; the original where there is nothing to gain.

    Raises:
        UsageError: the image holds no Python packages, or the output is no place for an image.
        ElfError: a library has GPU code, but none for a GPU of the policy.
        ProofError: something that was made is not what it has to be, or does not work as it did; nothing was written.
        SlimtorchError: the image cannot be read, or the result not be written.
    """
    project = config.load(request.project) if request.project else None
    parsed = references.parse(request.reference)
    image = stores.read(parsed, machine)
    target = None if request.dry else aimed(request.output, parsed, image)
    with machine.cache.scratch() as folder:
        root, new = folder / "root", folder / "new"
        root.mkdir()
        new.mkdir()
        work = relayering.read(image.layers, root, machine.progress, ownership=os.geteuid() == 0)
        tree = relayering.tree(work, root)
        source = trees.Source(tree, _subject(subjects.of_tree(tree), request.reference, project), root, new)
        proposal = recipe.propose(source.subject, request.policy)
        applied = trees.apply(source, request.policy, proposal, machine.progress)
        if not applied.changed:
            return _finished(image, image, applied.ledger, (parsed, target), machine)
        if not request.dry:
            applied = replace(applied, ledger=_proven(image, source, applied, project, machine))
        slimmed = _remade(image, work, (source, applied), request.policy, machine)
        return _finished(image, slimmed, applied.ledger, (parsed, target), machine)


def place_of(image: Image, root: Path) -> Place | None:
    """The image, unpacked to `root`, as something to run; None where it has no interpreter, or names no known user."""
    files, wanted = of_directory(root, owners=os.geteuid() == 0), service.of_settings(image.settings)
    python, ids = environment.interpreter(files, wanted), access.user(files, wanted)
    return places.of_image(Started(root, wanted, python, ids)) if python and ids else None


def _subject(subject: Subject, reference: str, project: Project | None) -> Subject:
    if not subject.sites:
        raise UsageError(f"{reference} has no Python packages", hint="there is nothing in it to slim")
    if project is None:
        return subject
    code = service_code.read(project)
    return replace(subject, code=code, compiles=service_code.compiles(code, wheels(subject.owners.values())))


def _proven(image: Image, source: Source, applied: Applied, project: Project | None, machine: Machine) -> Ledger:
    """The ledger with what running both trees showed."""
    before = place_of(image, source.root)
    if before is None:
        return dynamic.prove(applied.ledger, source.subject, None, None, machine.run)
    asked = held_out.job(project) if project else None
    with clone.of(source.root, applied.changed) as root, machine.progress.task("running before and after", 0):
        return dynamic.prove(applied.ledger, source.subject, before, places.moved(before, root), machine.run, asked)


def _remade(
    image: Image, work: relayering.Work, made: tuple[Source, Applied], policy: Policy, machine: Machine
) -> Image:
    source, applied = made
    layers = relayering.remade(work, applied.tree, machine.cache, machine.progress)
    marks = marking.of(applied.ledger, policy, source.subject.owners.values())
    new = renewal.renewal(image, marks, source.subject.files)
    if scripts := renewal.added(new, applied.tree):
        layers.append(relayering.packed(scripts, GPU_LAYER, layers[-1], machine.cache))
    return renewed(image, layers, new)


def _finished(
    before: Image, after: Image, ledger: Ledger, places_: tuple[Reference, Reference | None], machine: Machine
) -> Slimmed:
    """The result where it was wanted, with its ledger beside it where the place can keep one."""
    parsed, target = places_
    written = ""
    changed = after is not before
    if target is not None:
        kept = None if changed else _old_ledger(parsed, before)
        image = after
        if parsed.scheme in _NO_DIGESTS and target.scheme != "dir":
            image = stores.recompress(after, stores.codec_for(target), machine.cache)
        written = stores.write(image, target, machine, name=full_name(image, parsed, target))
        data = marking.document(ledger) if changed else kept
        if data is not None and target.scheme == "oci":
            layout.attach(refer(image.descriptor, data, marking.LEDGER_TYPE, "ledger.json"), target.path)
    same = sum(one is other for one, other in zip(before.layers, after.layers, strict=False))
    notes = (*ledger.notes, Note("", "nothing to gain: the image stays as it is")) if not changed else ledger.notes
    return Slimmed(written, replace(ledger, notes=notes), changed, len(after.layers), same, before.size, after.size)


def _old_ledger(parsed: Reference, image: Image) -> bytes | None:
    """The ledger that already stands beside the image."""
    return layout.attached(parsed.path, image.digest, marking.LEDGER_TYPE) if parsed.scheme == "oci" else None
