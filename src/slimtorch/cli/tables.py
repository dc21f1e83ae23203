"""Results as tables for people and as JSON for programs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from slimtorch.build.native import PLAN_LABEL
from slimtorch.cli.console import Table, seconds, size
from slimtorch.image.layer import FILES_ANNOTATION as FILES
from slimtorch.image.layer import SIZE_ANNOTATION as UNPACKED
from slimtorch.inventory.model import LayerFacts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from slimtorch.findings import Finding
    from slimtorch.flows.build import Built, Preview
    from slimtorch.flows.lock import Locked
    from slimtorch.flows.show import Shown
    from slimtorch.flows.verify import Verified
    from slimtorch.image.layer import Layer
    from slimtorch.project.lock import LockedDeb, LockedWheel

LINKS = {"100 Mbit/s": 12_500_000, "1 Gbit/s": 125_000_000}
"""Bytes per second of the links that pull times are shown for."""

_NUMBERS = frozenset({"files", "size", "pull", "wheels", "debs", *LINKS})
_HEAD = ("layer", "holds", "files", "size", "pull", *LINKS)
SERVICE = {"system": "users, folders, health probe", "weights": "model weights", "app": "the service's own files"}
LARGEST = 3
"""Packages named for a layer before the rest is counted."""


def pull_times(pull: int) -> tuple[str, ...]:
    """How long `pull` bytes take over each link."""
    return tuple(seconds(pull / rate) for rate in LINKS.values())


def inventory(shown: Shown) -> Table:
    """Layers with the packages that fill them."""
    taken = shown.inventory
    rows = [
        (_layer_name(layer), _holds(layer.owners), f"{layer.files:,}", *_sizes(layer.size, layer.pull))
        for layer in taken.layers
    ]
    pull = sum(layer.pull for layer in taken.layers)
    files = sum(layer.files for layer in taken.layers)
    total = ("total", "", f"{files:,}", *_sizes(sum(layer.size for layer in taken.layers), pull))
    return Table(_HEAD, rows, _NUMBERS, total)


def packages(shown: Shown) -> Table:
    """Every package, the largest first."""
    rows = [(p.kind, p.name, p.version, f"{p.files:,}", size(p.size)) for p in shown.inventory.packages]
    return Table(("kind", "package", "version", "files", "size"), rows, _NUMBERS)


def built(result: Built) -> Table:
    """The layers of a new image, from its plan and from what its manifest says of them."""
    pinned = {file.owner: file.size for file in result.plan.pinned.files}
    by_size = {
        layer.name: sorted(layer.owners, key=lambda owner: -pinned.get(owner, 0)) for layer in result.plan.layers
    }
    rows, files, unpacked, pull = [], 0, 0, 0
    for layer in result.images[0].layers:
        notes = layer.blob.annotations
        count, bytes_ = int(notes.get(FILES, 0)), int(notes.get(UNPACKED, 0))
        rows.append((_layer_name(layer), _planned(layer.name, by_size), f"{count:,}", *_sizes(bytes_, layer.blob.size)))
        files, unpacked, pull = files + count, unpacked + bytes_, pull + layer.blob.size
    return Table(_HEAD, rows, _NUMBERS, ("total", "", f"{files:,}", *_sizes(unpacked, pull)))


def plan(preview: Preview) -> Table:
    """The layers that would be made, with the bytes that would be downloaded for them."""
    rows = [
        (layer.name, ", ".join(_short(owner) for owner in layer.owners), size(preview.download(layer)))
        for layer in preview.plan.layers
    ]
    rows += [(name, f"{files:,} files", size(total)) for name, files, total in preview.service]
    return Table(("layer", "from", "size"), rows, _NUMBERS, title=f"{preview.name} for {preview.plan.platform}")


def locked(result: Locked) -> Table:
    """What a lock pins, by platform."""
    rows = [(platform, *_count(pins.wheels), *_count(pins.debs)) for platform, pins in result.lock.platforms.items()]
    return Table(("platform", "wheels", "size", "debs", "size"), rows, _NUMBERS)


def proof(verified: Verified) -> Table:
    """What `verify` measured."""
    found = verified.proof
    rows = [("image", verified.reference)]
    if found.engine:
        rows += [
            ("engine", found.engine),
            ("not proven", ", ".join(sorted(found.unproven)) or "-"),
            ("load", f"{found.load_seconds:.2f} s" if found.load_seconds is not None else "never healthy"),
            ("resident memory", size(found.resident)),
            ("peak memory", size(found.peak)),
            ("held-out answers", f"{found.answered} of {found.asked} right" if found.asked else "none were given"),
        ]
    if found.first_answer:
        rows.append(("first answer", found.first_answer))
    rows.append(("findings", _counts(verified.findings)))
    return Table(("proof", ""), rows)


# -- JSON ------------------------------------------------------------------------------------------------------------


def built_json(result: Built) -> dict[str, Any]:
    """A build's result: one image for each place, since compression decides the digest."""
    return {
        "references": list(result.references),
        "images": [
            {
                "reference": reference,
                "digest": image.digest,
                "plan": image.settings["config"]["Labels"][PLAN_LABEL],
                "layers": [
                    {"name": layer.name, "digest": layer.blob.digest, "diff_id": layer.diff_id, "pull": layer.blob.size}
                    for layer in image.layers
                ],
                "pull": sum(layer.blob.size for layer in image.layers),
            }
            for reference, image in zip(result.references, result.images, strict=True)
        ],
    }


def plan_json(preview: Preview) -> dict[str, Any]:
    """A plan."""
    return {
        "name": preview.name,
        "platform": preview.plan.platform,
        "plan": preview.plan.digest,
        "layers": [{"name": layer.name, "owners": list(layer.owners)} for layer in preview.plan.layers],
        "service": [{"name": name, "files": files, "size": total} for name, files, total in preview.service],
        "runtime": preview.plan.runtime.to_json(),
    }


def lock_json(result: Locked) -> dict[str, Any]:
    """A lock's contents, by platform."""
    return {
        "path": str(result.path),
        "python": result.lock.python,
        "suite": result.lock.suite,
        "platforms": {
            platform: {
                "wheels": [{"name": w.name, "version": w.version, "size": w.size} for w in pins.wheels],
                "debs": [{"name": d.name, "version": d.version, "size": d.size} for d in pins.debs],
            }
            for platform, pins in result.lock.platforms.items()
        },
    }


def inventory_json(shown: Shown) -> dict[str, Any]:
    """Layers and packages of an image."""
    taken = shown.inventory
    return {
        "reference": shown.reference,
        "layers": [
            {
                "name": layer.name,
                "digest": layer.digest,
                "files": layer.files,
                "size": layer.size,
                "pull": layer.pull,
                "owners": dict(layer.owners),
            }
            for layer in taken.layers
        ],
        "packages": [
            {"kind": p.kind, "name": p.name, "version": p.version, "files": p.files, "size": p.size}
            for p in taken.packages
        ],
        "size": taken.size,
        "pull": sum(layer.pull for layer in taken.layers),
    }


def findings_json(found: Iterable[Finding]) -> list[dict[str, Any]]:
    """Findings."""
    return [
        {
            "rule": finding.rule,
            "severity": finding.severity.name.lower(),
            "message": finding.message,
            "hint": finding.hint,
            "path": finding.location.path if finding.location else None,
        }
        for finding in found
    ]


def proof_json(verified: Verified) -> dict[str, Any]:
    """What `verify` measured and found."""
    found = verified.proof
    return {
        "reference": verified.reference,
        "engine": found.engine,
        "skipped": dict(found.skipped),
        "unproven": sorted(found.unproven),
        "load_seconds": found.load_seconds,
        "resident": found.resident,
        "peak": found.peak,
        "answered": found.answered,
        "asked": found.asked,
        "findings": findings_json(verified.findings),
    }


def _sizes(unpacked: int, pull: int) -> tuple[str, ...]:
    return (size(unpacked), size(pull), *pull_times(pull))


def _count(files: Sequence[LockedDeb | LockedWheel]) -> tuple[str, str]:
    return f"{len(files)}", size(sum(file.size for file in files))


def _layer_name(layer: LayerFacts | Layer) -> str:
    return layer.name or (layer.digest if isinstance(layer, LayerFacts) else layer.blob.digest)[7:19]


def _planned(name: str, owners: Mapping[str, Sequence[str]]) -> str:
    """What a layer of the plan holds; a part of one that was cut in two is called ``name-2``."""
    if name in SERVICE:
        return SERVICE[name]
    found = owners.get(name) or owners.get(name.rpartition("-")[0], ())
    return _holds(dict.fromkeys(found, 0)) or "of the base image"


def _holds(owners: Mapping[str, int]) -> str:
    names = [_short(owner) for owner in owners]
    rest = len(names) - LARGEST
    return ", ".join(names[:LARGEST]) + (f" and {rest} more" if rest > 0 else "")


def _short(owner: str) -> str:
    kind, _, rest = owner.partition(":")
    return rest.replace("==", "=").partition("=")[0] or kind


def _counts(found: Iterable[Finding]) -> str:
    counts = Counter(finding.severity for finding in found)
    worst_first = sorted(counts.items(), reverse=True)
    return ", ".join(f"{count} {severity.name.lower()}" for severity, count in worst_first) or "none"
