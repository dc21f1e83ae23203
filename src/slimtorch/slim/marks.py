"""What a slimmed image says of itself: labels, what the container runtime checks, and the words of the GPU check."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from slimtorch.image.digest import canonical_json
from slimtorch.project import gpu_check
from slimtorch.project.facts import facts, wheels
from slimtorch.slim import ledger as ledgers
from slimtorch.slim.model import Pass
from slimtorch.tables.cuda import driver

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from slimtorch.image.digest import Digest
    from slimtorch.slim.model import Ledger, Policy
    from slimtorch.tables.gpus import Gpu

SLIM = "io.slimtorch.slim"
REASON = "io.slimtorch.slim.reason"
GPUS = "io.slimtorch.gpus"
DRIVER = "io.slimtorch.driver"
LEDGER = "io.slimtorch.ledger"
STUBS = "io.slimtorch.stubs"
LEDGER_TYPE = "application/vnd.slimtorch.ledger.v1+json"
REQUIRED = "NVIDIA_REQUIRE_ARCH"
NONE = "none"
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Marks:
    """Labels and environment of the image; `arguments` are the options of its GPU check, none where none is needed."""

    labels: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


def of(ledger: Ledger, policy: Policy, owners: Iterable[str]) -> Marks:
    """The marks of what was done; `owners` are the packages of the image (``wheel:torch==2.13.0``).

    GPUs are only named where code for other ones went.
    """
    labels = {SLIM: ledger.profile}
    if ledger.savings:
        labels[LEDGER] = str(fingerprint(ledger))
    if any(saving.done_by is Pass.STUBS for saving in ledger.savings):
        labels[STUBS] = ",".join(policy.slim.stubs)
    if not any(saving.done_by is Pass.DEVICE_CODE for saving in ledger.savings):
        return Marks(labels)
    labels[GPUS] = ",".join(capabilities(policy.gpus))
    if floor := driver(facts(wheels(owners)).cuda):
        labels[DRIVER] = floor
    arguments = gpu_check.arguments(policy.gpus, keep_ptx=policy.slim.keep_ptx)
    return Marks(labels, {REQUIRED: _required(policy)}, arguments)


def unslimmed(reason: str = "") -> Marks:
    """The marks of an image that was left as it was, and why where that was not what the user asked for."""
    said = " ".join(reason.split())[:_LONGEST]
    return Marks({SLIM: NONE} | ({REASON: said} if said else {}))


def fingerprint(ledger: Ledger) -> Digest:
    """Names what was done: the digest of the ledger without its notes and proofs, which differ between machines."""
    savings = tuple(replace(saving, proof=()) for saving in ledger.savings)
    return ledgers.digest(replace(ledger, savings=savings, notes=()))


def document(ledger: Ledger) -> bytes:
    """The ledger as the file that refers to the image."""
    return canonical_json(ledgers.to_json(ledger))


def capabilities(gpus: Iterable[Gpu]) -> tuple[str, ...]:
    """The compute capabilities of some GPUs, each once, lowest first."""
    return tuple(sorted({gpu.capability for gpu in gpus}, key=_number))


def _required(policy: Policy) -> str:
    """Conditions of which one has to hold (libnvidia-container's syntax: a space is an or)."""
    found = capabilities(policy.gpus)
    newer = [f"arch>{found[-1]}"] if policy.slim.keep_ptx != NONE else []
    return " ".join([*(f"arch={text}" for text in found), *newer])


def _number(capability: str) -> tuple[int, int]:
    major, _, minor = capability.partition(".")
    return int(major), int(minor)
