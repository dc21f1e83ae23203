"""``slimtorch.lock``: every wheel and every distribution package, pinned by name, version, file name, sha256 and size.

The file holds no address but those that the user's own requirements are (``pkg @ https://…``), so that mirrors may
differ between machines. It is TOML, sorted, one table a package, so that a change reads well in a diff.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.image.digest import Digest


@dataclass(frozen=True, slots=True, order=True)
class LockedWheel:
    """One wheel. `index` is the *name* of the index that it came from; `url` is set only for a direct requirement."""

    name: str
    version: str
    filename: str
    sha256: Digest
    size: int
    index: str = "default"
    url: str = ""

    @property
    def owner(self) -> str:
        """The owner of this wheel's files in a tree."""
        return f"wheel:{self.name}=={self.version}"


@dataclass(frozen=True, slots=True, order=True)
class LockedDeb:
    """One Debian binary package. `index` is the suite that it came from, such as ``bookworm-security``."""

    name: str
    version: str
    architecture: str
    filename: str
    sha256: Digest
    size: int
    index: str = ""

    @property
    def owner(self) -> str:
        """The owner of this package's files in a tree."""
        return f"deb:{self.name}={self.version}"


@dataclass(frozen=True, slots=True)
class LockedBase:
    """A base image that the user named, by the digest of its manifest, and what was found in it.

    `interpreter` is the absolute path of its Python, `glibc` the minor version of its glibc 2.
    """

    reference: str
    digest: Digest
    interpreter: str
    glibc: int


@dataclass(frozen=True, slots=True)
class LockedPlatform:
    """What was pinned for one platform: wheels and debs sorted by name."""

    wheels: tuple[LockedWheel, ...]
    debs: tuple[LockedDeb, ...] = ()
    base: LockedBase | None = None

    @property
    def files(self) -> tuple[LockedDeb | LockedWheel, ...]:
        """Every pinned file."""
        return (*self.debs, *self.wheels)


@dataclass(frozen=True, slots=True)
class Lock:
    """The pinned bytes, and the digest of the intent that they were resolved for."""

    config_digest: Digest
    python: str
    suite: str
    platforms: Mapping[str, LockedPlatform]
    load_seconds: float | None = None
    """The service's load time as ``verify --record`` measured it; decides ``start-period = "measured"``."""
    device: str = ""
    """``cpu`` or ``cuda`` as the code was read to mean it, where the project holds a torch and names no device."""
    inputs: Mapping[str, Digest] = field(default_factory=dict)
    """The digest of each part of the intent, by name, so that a stale lock can say what changed."""
    notes: tuple[str, ...] = field(default=(), compare=False)
    """What resolving had to say (a name on two indexes …); not written to the file."""
