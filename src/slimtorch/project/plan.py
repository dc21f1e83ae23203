"""The plan: which files go into which layer, for one platform. Project + Lock → Plan, pure.

Grouping is stable: a package that is large has a layer of its own, so that adding or updating another one leaves the
layer's bytes alone; the small ones share one. Sizes are those of the locked wheels, which are known before anything is
downloaded. Layers are ordered by how seldom they change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch import __version__
from slimtorch.errors import LockError
from slimtorch.image import digest as digests
from slimtorch.project.facts import facts
from slimtorch.project.runtime import interpreter, runtime

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from slimtorch.image.config import Runtime
    from slimtorch.image.digest import Digest
    from slimtorch.project.lock import Lock, LockedPlatform
    from slimtorch.project.model import Layering, Project

LARGE_WHEEL = 8_000_000
"""Bytes of a wheel from which on it has a layer of its own, as far as the budget goes."""

OS, PYTHON, PACKAGES, SYSTEM, WEIGHTS, APP = "os", "python", "packages", "system", "weights", "app"
SHARED = (OS, PYTHON, PACKAGES, SYSTEM, WEIGHTS, APP)


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """One layer: its group name and the owners whose files it holds."""

    name: str
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides the image of one platform, apart from the service's own files."""

    platform: str
    python: str
    suite: str
    pinned: LockedPlatform
    layers: tuple[LayerPlan, ...]
    layering: Layering
    user: str
    uid: int
    workdir: str
    writable: tuple[str, ...]
    runtime: Runtime

    @property
    def interpreter(self) -> PurePosixPath:
        """Where the image's Python stands."""
        return interpreter(self.python, self.pinned)

    @property
    def stack_digest(self) -> Digest:
        """Names everything that decides the layers below the service's own files."""
        return digests.of_json(
            {
                "slimtorch": __version__,
                "platform": self.platform,
                "python": self.python,
                "suite": self.suite,
                "files": [str(file.sha256) for file in self.pinned.files],
                "addresses": [wheel.url for wheel in self.pinned.wheels if wheel.url],
                "base": str(self.pinned.base.digest) if self.pinned.base else "",
                "layers": [[layer.name, list(layer.owners)] for layer in self.layers],
                "largest": self.layering.largest,
                "user": [self.user, self.uid, self.workdir, list(self.writable)],
            }
        )

    @property
    def digest(self) -> Digest:
        """Names the whole plan: the stack and the runtime settings. The image carries it as a label."""
        return digests.of_json({"stack": self.stack_digest, "runtime": self.runtime.to_json()})


def plan(project: Project, lock: Lock, platform: str, *, created: int = 0) -> Plan:
    """The plan for one platform. `created` is the image's date in seconds since 1970.

    Raises:
        LockError: the lock has nothing for this platform.
    """
    pinned = lock.platforms.get(platform)
    if pinned is None:
        raise LockError(
            f"slimtorch.lock has nothing for {platform}",
            hint=f'add "{platform}" to `platforms` and run `slimtorch lock`',
        )
    settings = runtime(project, lock, platform, facts(pinned.wheels), created=created)
    writable = tuple(settings.labels["io.slimtorch.writable"].split(","))
    return Plan(
        platform=platform,
        python=lock.python,
        suite=lock.suite,
        pinned=pinned,
        layers=group(pinned, project.layers.budget),
        layering=project.layers,
        user=project.service.user,
        uid=project.service.uid,
        workdir=str(project.service.workdir),
        writable=writable,
        runtime=settings,
    )


def group(pinned: LockedPlatform, budget: int) -> tuple[LayerPlan, ...]:
    """The layers below the service's own files, bottom first, at most `budget` with the service's."""
    python = tuple(deb.owner for deb in pinned.debs if "python3" in deb.name)
    system = tuple(deb.owner for deb in pinned.debs if deb.owner not in python)
    by_size = sorted(pinned.wheels, key=lambda wheel: (-wheel.size, wheel.name))
    large = [wheel for wheel in by_size if wheel.size >= LARGE_WHEEL][: max(0, budget - len(SHARED))]
    small = tuple(sorted(wheel.owner for wheel in pinned.wheels if wheel not in large))
    layers = (
        LayerPlan(OS, system),
        LayerPlan(PYTHON, python),
        *(LayerPlan(wheel.name, (wheel.owner,)) for wheel in large),
        LayerPlan(PACKAGES, small),
        LayerPlan(SYSTEM, ("slimtorch",)),
    )
    return tuple(layer for layer in layers if layer.owners)
