"""The digits image in three profiles against the reference image: bytes to pull and bytes unpacked, both exact."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.digits import prepare, unpack, wheels
from bench.reference import build_reference, pull_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from bench.digits import Workshop
    from bench.reference import Reference

PROFILES = ("none", "safe", "inference", "traced")


@dataclass(frozen=True, slots=True)
class Sizes:
    """One image: bytes to pull (zstd), and bytes of all files over all layers."""

    pull: int
    unpacked: int


@dataclass(frozen=True, slots=True)
class Compared:
    """The reference image, and the digits image in each profile."""

    reference: Reference
    profiles: dict[str, Sizes]


def measure(folder: Path) -> Compared:
    """All of it; needs Docker for the reference. `folder` is new and empty."""
    workshop = prepare(folder)
    return Compared(
        build_reference(folder / "w", base="minbase", wheels=wheels(workshop)),
        {name: built(workshop, name) for name in PROFILES},
    )


def built(workshop: Workshop, profile: str) -> Sizes:
    """The image with this profile; ``traced`` is what one trace of the image with profile ``inference`` leaves."""
    configure(workshop, profile)
    place = workshop.root / profile
    workshop.build(f"oci:{place}")
    if profile == "traced":
        record = workshop.project / "trace.json"
        workshop.slimtorch("trace", f"oci:{place}", "--project", str(workshop.project), "-o", str(record))
        configure(workshop, profile, traced="trace.json")
        shutil.rmtree(place)
        workshop.build(f"oci:{place}")
    # The tar reader of the standard library knows gzip only.
    workshop.build(f"archive:{workshop.root}/{profile}.tar")
    gzip = workshop.root / f"{profile}-gzip"
    shutil.unpack_archive(workshop.root / f"{profile}.tar", gzip, "tar", filter="data")
    unpacked = unpack(gzip, workshop.root / f"{profile}-tree")
    shutil.rmtree(workshop.root / f"{profile}-tree")
    return Sizes(pull_bytes(place), unpacked)


def configure(workshop: Workshop, profile: str, traced: str = "") -> None:
    """Sets ``[slim]`` of the project's copy."""
    path = workshop.project / "slimtorch.toml"
    text = path.read_text().partition("\n[slim]")[0].rstrip("\n")
    lines = [f'profile = "{"inference" if profile == "traced" else profile}"']
    lines += [f'traced = "{traced}"'] if traced else []
    path.write_text("\n".join([text, "", "[slim]", *lines, ""]))
