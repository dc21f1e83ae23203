"""Compares what two images compute on this machine's GPU."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch import stores
from slimtorch.flows.verify import Loaded
from slimtorch.host.engines import gpu
from slimtorch.image import reference as references
from slimtorch.inventory import service
from slimtorch.probe import on_gpu, rules
from slimtorch.probe.in_image.operators.comparing import compare

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from slimtorch.findings import Finding
    from slimtorch.host.machine import Machine

STUBS_LABEL = "io.slimtorch.stubs"
FAMILIES = {
    "cufft": ("fft-*",),
    "cusolver": ("linalg-*",),
    "cusparse": ("sparse",),
    "cusparselt": ("sparse-2-4",),
    "nccl": ("all-reduce",),
}
"""The families that need a library which can be replaced by a stand-in."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What was computed where, and how it differs: a line each, empty where all is alike.

    `missing` are families that fail as they must: their library was replaced by a stand-in, and the error names it.
    """

    device: str
    families: int
    differences: tuple[str, ...]
    missing: tuple[str, ...] = ()


def compare_on_gpu(reference: str, original: str, machine: Machine, engine: str = "") -> Compared:
    """How the results of an image differ from those of its original, on the first GPU of this machine.

    Raises:
        MachineError: there is no GPU, or no engine that hands it over.
        ToolError: torch cannot use the GPU in one of the images.
        SlimtorchError: an image cannot be read.
    """
    gpu.require()
    name = gpu.first(machine.run, engine)[0]
    before, _ = _computed(original, name, machine)
    after, stubs = _computed(reference, name, machine)
    missing = tuple(_missing(after["families"], stubs))
    kept = {family: row for family, row in before["families"].items() if family not in missing}
    differences = compare({**before, "families": kept}, after)
    return Compared(after["about"]["device"], len(kept), tuple(differences), missing)


def findings(compared: Compared) -> tuple[Finding, ...]:
    """A finding for each difference."""
    return tuple(rules.ON_GPU.finding(text) for text in compared.differences)


def summary(compared: Compared) -> str:
    """What was computed, in one sentence."""
    missing = f"; fail as they must, their library is a stand-in: {', '.join(compared.missing)}"
    alike = f"{compared.families - len(compared.differences)} of {compared.families} operator families are alike"
    return f"{compared.device}: {alike}{missing if compared.missing else ''}"


def _computed(text: str, engine: str, machine: Machine) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The results of one image, and the libraries that its label says are stand-ins."""
    parsed = references.parse(text)
    image = stores.read(parsed, machine)
    labels = service.of_settings(image.settings).labels
    with Loaded(image, parsed, machine) as loaded, machine.progress.task(f"computing in {text}", 0):
        results = on_gpu.observe(engine, loaded.load(engine), machine.run)
    return results, tuple(filter(None, labels.get(STUBS_LABEL, "").split(",")))


def _missing(families: Mapping[str, Mapping[str, Any]], stubs: tuple[str, ...]) -> Iterator[str]:
    for stub in stubs:
        for pattern in FAMILIES.get(stub, ()):
            for family in fnmatch.filter(families, pattern):
                if stub in families[family].get("error", "").lower():
                    yield family
