"""Pinned files → verified blobs in the cache."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from slimtorch.host.fetch import HttpFetch
from slimtorch.sources import apt, apt_fetch, downloads, suites
from slimtorch.sources.request import Request, Tools
from slimtorch.sources.target import Target

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.host.machine import Machine
    from slimtorch.project.lock import LockedBase, LockedPlatform
    from slimtorch.project.model import Project
    from slimtorch.sources.indexes import Indexes


def tools(indexes: Indexes, machine: Machine) -> Tools:
    """What the Python sources need of this machine."""
    return Tools(machine.run, HttpFetch(indexes.settings), machine.environ)


def request(project: Project, platform: str, indexes: Indexes, base: LockedBase | None) -> Request:
    """The project's requirements for one platform, and for the C library of its suite or base image."""
    glibc = base.glibc if base else suites.known(project.os.suite)["glibc"]
    target = Target(project.python, platform, glibc)
    torch = project.torch
    return Request(project.requirements, target, indexes, project.root, torch.device, torch.cuda)


def architecture(platform: str) -> str:
    """The Debian architecture of an OCI platform; for Linux on amd64 and arm64 they have one name."""
    return platform.split("/")[1]


def fetch_wheels(
    project: Project, platform: str, pinned: LockedPlatform, indexes: Indexes, machine: Machine
) -> dict[str, Path]:
    """The verified blob of every pinned wheel, by its owner; only what the cache lacks is downloaded.

    Raises:
        FetchError: a file is nowhere any more.
        VerificationError: a file is not the one that was locked.
    """
    asked = request(project, platform, indexes, pinned.base)
    return downloads.fetch(pinned.wheels, asked, tools(indexes, machine), machine.cache, machine.progress)


def fetch_debs(project: Project, platform: str, pinned: LockedPlatform, machine: Machine) -> dict[str, Path]:
    """The verified blob of every pinned distribution package, by its name; as `fetch_wheels`."""

    def ready() -> apt.Apt:
        return apt.prepare(project.os, architecture(platform), machine)

    return apt_fetch.fetch(pinned.debs, ready, machine, vendor=project.sources.vendor)


def vendor(
    project: Project, platform: str, pinned: LockedPlatform, indexes: Indexes, machine: Machine, folder: Path
) -> None:
    """Puts a copy of every pinned file into `folder`, under its own name."""
    wheels = fetch_wheels(project, platform, pinned, indexes, machine)
    debs = fetch_debs(project, platform, pinned, machine)
    folder.mkdir(parents=True, exist_ok=True)
    for file in pinned.files:
        target = folder / file.filename
        if not target.is_file() or target.stat().st_size != file.size:
            temporary = folder / f".{file.filename}.part"
            shutil.copyfile(wheels.get(file.owner) or debs[file.name], temporary)
            temporary.replace(target)
