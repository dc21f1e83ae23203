"""The machine that an image is for: Python, architecture and C library, as wheels' tags and markers name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from packaging import tags

from slimtorch.errors import UsageError
from slimtorch.inventory.needs import environment

if TYPE_CHECKING:
    from packaging.markers import Environment
    from packaging.tags import Tag

_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
_OLDEST = 17
_UV_GLIBC = (17, 28, *range(31, 41))
"""The minor versions of glibc that uv has a ``--python-platform`` for."""


@dataclass(frozen=True, slots=True)
class Target:
    """`python` is a minor version (``3.11``), `platform` an OCI platform, `glibc` the minor version of glibc 2."""

    python: str
    platform: str = "linux/amd64"
    glibc: int = 36

    @property
    def machine(self) -> str:
        """The architecture as Python calls it.

        Raises:
            UsageError: wheels for this platform cannot be chosen.
        """
        if self.platform not in _MACHINES:
            raise UsageError(f"{self.platform} is not supported", hint=f"choose {' or '.join(_MACHINES)}")
        return _MACHINES[self.platform]

    @property
    def version(self) -> tuple[int, int]:
        """The Python version as numbers."""
        major, minor = self.python.split(".")[:2]
        return int(major), int(minor)

    @property
    def uv_platform(self) -> str:
        """The ``--python-platform`` for uv: the newest that this C library can run."""
        minor = max((known for known in _UV_GLIBC if known <= self.glibc), default=_OLDEST)
        return f"{self.machine}-manylinux_2_{minor}"

    def tags(self) -> list[Tag]:
        """Every tag that a wheel for this target may have, the best first."""
        legacy = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
        platforms: list[str] = []
        for minor in range(self.glibc, 4, -1):
            if minor < _OLDEST and self.machine != "x86_64":
                break
            platforms.append(f"manylinux_2_{minor}_{self.machine}")
            if minor in legacy:
                platforms.append(f"{legacy[minor]}_{self.machine}")
        platforms.append(f"linux_{self.machine}")
        abi = f"cp{self.version[0]}{self.version[1]}"
        return [
            *tags.cpython_tags(self.version, abis=[abi], platforms=platforms),
            *tags.compatible_tags(self.version, interpreter=abi, platforms=platforms),
        ]

    def markers(self) -> Environment:
        """The values of PEP 508 markers on the target."""
        return cast("Environment", environment(f"{self.version[0]}.{self.version[1]}", self.machine))
