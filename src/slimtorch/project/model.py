"""The checked intent of a project: one small dataclass per section of ``slimtorch.toml``."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.tables.gpus import Gpu


WORKDIR = PurePosixPath("/app")
"""Where the service's own files stand in the image unless the project says otherwise."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """Which distributions the service needs.

    Exactly one origin is used: `files` (requirements.txt, hashed or not, with -r and -c), a `lock` by another tool
    (pylock.toml or uv.lock), or `inline` (PEP 508 lines, from ``[project] dependencies`` and the chosen groups).
    """

    files: tuple[Path, ...] = ()
    lock: Path | None = None
    inline: tuple[str, ...] = ()
    origin: str = ""
    """What to call the origin in messages, such as ``requirements.txt``."""
    groups: tuple[str, ...] = ()
    """Dependency groups that were chosen; already part of `inline`, to be chosen from a ``uv.lock``."""
    extras: tuple[str, ...] = ()
    """Extras that were chosen, as with `groups`."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index the project itself names. `name` goes into the lock; the address never does."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Sources:
    """Where packages come from, beyond what the machine is configured for; `vendor` is a folder of wheels and debs."""

    indexes: tuple[Index, ...] = ()
    vendor: Path | None = None


@dataclass(frozen=True, slots=True)
class App:
    """The service's own files: `include` (files and folders, relative to the project) less the `exclude` patterns.

    `python_path` holds the folders, in the image, that imports are looked up in.
    """

    include: tuple[str, ...] = (".",)
    exclude: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    python_path: tuple[PurePosixPath, ...] = ()


@dataclass(frozen=True, slots=True)
class Os:
    """The operating system below Python: a Debian suite and packages, or a `base` image the user names."""

    suite: str = "bookworm"
    packages: tuple[str, ...] = ()
    base: str = ""
    mirror: str = ""
    keyring: Path | None = None
    snapshot: str = ""


@dataclass(frozen=True, slots=True)
class Torch:
    """What the service runs torch on: `device` is ``cpu``, ``cuda`` or '' (whatever the requirements resolve to).

    `cuda` is a version such as ``13.0`` ('' for any), `gpus` the ones that the service is meant for; both only with
    the device ``cuda``.
    """

    device: str = ""
    cuda: str = ""
    gpus: tuple[Gpu, ...] = ()


class Profile(StrEnum):
    """How much is taken out: nothing, what no use of the code needs, or also what this service does not reach."""

    NONE = "none"
    SAFE = "safe"
    INFERENCE = "inference"


@dataclass(frozen=True, slots=True)
class Slim:
    """What may be taken out of the packages. `keep` and `drop` are patterns of paths with the user's reasons.

    `vendor` allows changing NVIDIA's libraries (for internal use, as their licence says); `keep_ptx` is ``none`` or
    ``newest``; `stubs` names libraries that are replaced by stand-ins; `traced` is the record of ``slimtorch trace``.
    """

    profile: Profile = Profile.SAFE
    vendor: bool = False
    keep_ptx: str = "none"
    stubs: tuple[str, ...] = ()
    keep: Mapping[str, str] = field(default_factory=dict)
    drop: Mapping[str, str] = field(default_factory=dict)
    traced: Path | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How to ask whether the service is well; times in seconds. `start_period` None means measured by ``verify``."""

    path: str = "/health"
    interval: float = 30
    timeout: float = 3
    start_period: float | None = 60
    retries: int = 3


@dataclass(frozen=True, slots=True)
class Service:
    """How the service runs. `user` is a name; `writable` are folders, besides the caches, that it may write to."""

    command: tuple[str, ...]
    port: int = 8000
    user: str = "app"
    uid: int = 1000
    workdir: PurePosixPath = WORKDIR
    env: Mapping[str, str] = field(default_factory=dict)
    writable: tuple[PurePosixPath, ...] = ()
    stop_signal: str = "SIGTERM"
    health: Health | None = Health()


@dataclass(frozen=True, slots=True)
class Check:
    """One file of held-out inputs and expected outputs that ``verify`` asks the service for (JSON)."""

    path: str = "/predict"
    file: Path | None = None
    tolerance: float = 1e-5


@dataclass(frozen=True, slots=True)
class Naming:
    """What the image is called. `tag` is a pattern over {version} {torch} {device} {python}; `labels` are added."""

    name: str = "service"
    version: str = "0"
    tag: str = "v{version}-pytorch{torch}-{device}"
    allow_latest: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Layering:
    """How the tree is split: at most `budget` layers, none over `largest` bytes unpacked unless one file is larger."""

    budget: int = 12
    largest: int = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Project:
    """Everything the user asked for, checked. `config_path` is the file it was read from."""

    root: Path
    config_path: Path
    python: str
    platforms: tuple[str, ...]
    requirements: Requirements
    sources: Sources
    app: App
    os: Os
    torch: Torch
    service: Service
    check: Check
    image: Naming
    layers: Layering
    slim: Slim = field(default_factory=Slim)
