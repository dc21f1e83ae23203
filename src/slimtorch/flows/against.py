"""A slimmed image beside the one that it came from: the proofs of `slim`, once more, from the images alone."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch import stores
from slimtorch.build import held_out
from slimtorch.errors import ProofError
from slimtorch.flows.slim import place_of
from slimtorch.image import reference as references
from slimtorch.inventory import service
from slimtorch.probe import rules
from slimtorch.project import config
from slimtorch.slim import ledger as ledgers
from slimtorch.slim import marks as marking
from slimtorch.slim import subject as subjects
from slimtorch.slim.apply import layers as relayering
from slimtorch.slim.proof import dynamic
from slimtorch.slim.proof.pair import Pair, Side, changes, compare
from slimtorch.stores import layout
from slimtorch.tables import gpus as gpu_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slimtorch.findings import Finding
    from slimtorch.host.machine import Machine
    from slimtorch.image.model import Image
    from slimtorch.image.reference import Reference
    from slimtorch.slim.model import Ledger
    from slimtorch.slim.proof.pair import Compared
    from slimtorch.tables.gpus import Gpu


@dataclass(frozen=True, slots=True)
class Against:
    """What is wrong, and what was compared, in sentences."""

    findings: tuple[Finding, ...]
    shown: tuple[str, ...]


def against(reference: str, original: str, machine: Machine, project: Path | None = None) -> Against:
    """How the image at `reference` differs from its original where it must not.

    Raises:
        SlimtorchError: an image cannot be read.
    """
    parsed = references.parse(reference)
    image, old = stores.read(parsed, machine), stores.read(references.parse(original), machine)
    labels = service.of_settings(image.settings).labels
    ledger, wrong = _ledger(parsed, image, labels.get(marking.LEDGER, ""))
    with machine.cache.scratch() as folder:
        before, after = (_side(one, folder / name, machine) for one, name in ((old, "before"), (image, "after")))
        pair = Pair(before, subjects.of_tree(before.tree), after)
        with machine.progress.task("comparing files", 0):
            compared = compare(pair, ledger, _gpus(labels.get(marking.GPUS, "")), _keep_ptx(ledger))
        failures, notes = _run(pair, ledger, (old, image), project, machine)
    return Against((*wrong, *_findings(compared), *failures), (_said(compared, ledger), *notes))


def _side(image: Image, root: Path, machine: Machine) -> Side:
    root.mkdir()
    work = relayering.read(image.layers, root, machine.progress, ownership=os.geteuid() == 0)
    return Side(relayering.tree(work, root), root)


def _ledger(parsed: Reference, image: Image, label: str) -> tuple[Ledger | None, tuple[Finding, ...]]:
    """The ledger beside the image; None, with a finding, where it is not the one of the label."""
    if parsed.scheme != "oci":
        return None, ()
    data = layout.attached(parsed.path, image.digest, marking.LEDGER_TYPE)
    if data is None:
        return None, ()
    ledger = ledgers.from_json(json.loads(data))
    if marking.fingerprint(ledger) == label:
        return ledger, ()
    return None, (rules.EXPLAINED.finding("the ledger beside the image is not the one that its label names"),)


def _gpus(label: str) -> tuple[Gpu, ...]:
    return tuple(gpu for text in label.split(",") if (gpu := gpu_table.find(text.strip())))


def _keep_ptx(ledger: Ledger | None) -> str:
    return str(ledger.settings.get("keep-ptx", marking.NONE)) if ledger else marking.NONE


def _run(
    pair: Pair, ledger: Ledger | None, images: tuple[Image, Image], project: Path | None, machine: Machine
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """What running both shows."""
    places = [place_of(image, side.root) for image, side in zip(images, (pair.before, pair.after), strict=True)]
    job = held_out.job(config.load(project)) if project else None
    try:
        with machine.progress.task("running both", 0):
            shown = dynamic.prove(changes(pair, ledger), pair.subject, places[0], places[1], machine.run, job)
    except ProofError as error:
        return tuple(_failures(error)), ()
    return (), tuple(note.text for note in shown.notes)


def _failures(error: ProofError) -> Iterator[Finding]:
    for done_by, path, text in error.failures:
        yield rules.AS_BEFORE.finding(": ".join(filter(None, (done_by, path, text))), path)


def _findings(compared: Compared) -> Iterator[Finding]:
    for one in compared.complaints:
        rule = rules.EXPLAINED if one.unexplained else rules.LIBRARY
        yield rule.finding(f"/{one.path} {one.text}" if one.unexplained else f"/{one.path}: {one.text}", one.path)


def _said(compared: Compared, ledger: Ledger | None) -> str:
    why = "its ledger says why" if ledger else "no ledger stands beside it, so nothing was asked of what is gone"
    again = f"; {compared.compiled} modules have other bytecode" if compared.compiled else ""
    return f"{compared.libraries} changed libraries compared with their originals; {why}{again}"
