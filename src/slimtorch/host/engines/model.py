"""What an engine is asked to run, and what a run in it proves."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from slimtorch.host.process import Completed, Run


class Property(StrEnum):
    """Something that a run shows only if the engine really enforces it."""

    ROOT = "the image's own root file system"
    READ_ONLY = "a read-only root"
    USER = "the user id"
    OWNERS = "the files' owners and modes"
    CAPABILITIES = "no capabilities"
    PRIVILEGES = "no new privileges"
    NETWORK = "no network but 127.0.0.1"
    IMAGE = "that the runtime takes the image as it is"


def shown_by_namespaces() -> frozenset[Property]:
    """What namespaces of our own making show: everything but the image's form, and the owners only for root."""
    missing = {Property.IMAGE} if os.geteuid() == 0 else {Property.IMAGE, Property.OWNERS}
    return frozenset(Property) - missing


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its environment and working directory, as the image's own paths write them."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    workdir: str = "/"


@dataclass(frozen=True, slots=True)
class Container:
    """One run: `command` on the root file system at `root`, or on the loaded `image` (engines that keep images).

    The root is read-only and there is no network but 127.0.0.1. `writable` paths are fresh tmpfs, mode 1777. `python`
    is the interpreter in the image, which some engines need to change the user. `sealed` off leaves the root as its
    files' modes have it, for a root that is thrown away: only then does the kernel keep access times.
    """

    command: Command
    root: Path
    python: str
    image: str = ""
    uid: int = 1000
    gid: int = 1000
    writable: tuple[str, ...] = ("/tmp",)  # noqa: S108  (a path in the container)
    sealed: bool = True


class Engine(Protocol):
    """A way to run a `Container`. Nothing that it starts outlives `execute`."""

    @property
    def name(self) -> str:
        """What the user calls it."""
        ...

    @property
    def proves(self) -> frozenset[Property]:
        """What a run in this engine shows, on this machine and for this user."""
        ...

    @property
    def keeps_images(self) -> bool:
        """Whether it runs `Container.image`, which has to be loaded first, and not `Container.root`."""
        ...

    def obstacle(self, run: Run) -> str:
        """Why it cannot be used here, found by trying; an empty string when it can."""
        ...

    def adapt(self, command: Command, container: Container) -> Command:
        """`command` as a program inside the container has to start it; the same in all engines that isolate."""
        ...

    def execute(self, container: Container, run: Run, *, stdin: bytes = b"", timeout: float = 60) -> Completed:
        """How the command ended. `timeout` is in seconds.

        Raises:
            ToolError: it ran past `timeout`; it was stopped.
            MachineError: the engine's program is not there.
        """
        ...
