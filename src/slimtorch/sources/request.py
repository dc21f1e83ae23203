"""What is asked of the sources, and the machine that they are asked with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from slimtorch.host.fetch import Fetch
    from slimtorch.host.process import Run
    from slimtorch.project.lock import LockedWheel
    from slimtorch.project.model import Requirements
    from slimtorch.sources.indexes import Indexes
    from slimtorch.sources.target import Target


@dataclass(frozen=True, slots=True)
class Request:
    """Requirements, for a target, from these sources. `root` is the project's folder.

    `device` and `cuda` are as in the project: what torch has to be built for.

    `keep` are the wheels of the last lock: their versions are taken again wherever the requirements still allow it.
    """

    requirements: Requirements
    target: Target
    indexes: Indexes
    root: Path
    device: str = ""
    cuda: str = ""
    keep: tuple[LockedWheel, ...] = ()

    @property
    def origin(self) -> str:
        """What to call the requirements in messages."""
        files = ", ".join(path.name for path in self.requirements.files)
        lock = self.requirements.lock.name if self.requirements.lock else ""
        return self.requirements.origin or lock or files or "the requirements"

    @property
    def label(self) -> str:
        """What to call the target in messages."""
        return f"Python {self.target.python} on {self.target.platform}"


@dataclass(frozen=True, slots=True)
class Tools:
    """The two capabilities that sources need, and the environment that tools are started from."""

    run: Run
    fetch: Fetch
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Resolution:
    """The wheels by name, what is to be said, and where the files lie now (sha256 → address; never locked).

    `unmet` says why no build of torch for the device that was decided could be had; the wheels are then those that
    come without asking. `saved` are the bytes by which the wheels are fewer for that device.
    """

    wheels: tuple[LockedWheel, ...]
    notes: tuple[str, ...]
    located: Mapping[str, str]
    unmet: str = ""
    saved: int = 0

    @property
    def size(self) -> int:
        """Bytes of all the wheels."""
        return sum(wheel.size for wheel in self.wheels)
