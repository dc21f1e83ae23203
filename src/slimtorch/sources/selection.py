"""From a pylock.toml (PEP 751) to the wheels that fit the target."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.pylock import Package, PackageArchive, PackageWheel, Pylock, PylockSelectError, PylockValidationError
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from slimtorch.errors import LockError, ResolveError
from slimtorch.image.digest import from_hex
from slimtorch.sources.uv_output import source_only

if TYPE_CHECKING:
    from slimtorch.image.digest import Digest
    from slimtorch.sources.target import Target


@dataclass(frozen=True, slots=True)
class Pick:
    """One chosen wheel. `url` is where it lies now (never to be locked unless `direct`); `page` its index, if told."""

    name: str
    version: str
    filename: str
    sha256: Digest
    size: int | None
    url: str
    page: str = ""
    direct: bool = False

    @property
    def path(self) -> Path | None:
        """The wheel as a file of this machine, or None."""
        parts = urlsplit(self.url)
        return Path(unquote(parts.path)) if parts.scheme == "file" else None


def parse(text: str, what: str) -> Pylock:
    """The lock in `text`; `what` names it in messages.

    Raises:
        LockError: it is no pylock.toml that can be understood.
    """
    try:
        return Pylock.from_dict(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, PylockValidationError) as error:
        raise LockError(
            f"{what} is not a valid pylock.toml: {error}", hint="write it again with the tool it is from"
        ) from None


def select(lock: Pylock, target: Target, base: Path, what: str) -> list[Pick]:
    """The wheels that the target needs, by name. Relative paths of the lock are below `base`.

    Raises:
        ResolveError: a package has no wheel that fits, or is no wheel at all.
        LockError: the lock promises no sha256 for a wheel.
    """
    tags, environment = target.tags(), target.markers()
    label = f"Python {target.python} on {target.platform}"
    picks: list[Pick] = []
    try:
        for package, chosen in lock.select(environment=environment, tags=tags):
            picks.append(_pick(package, chosen, base, label))
    except PylockSelectError as error:
        raise ResolveError(f"{what} does not fit {label}: {error}", hint="lock it for this target as well") from None
    fitting = frozenset(tags)
    for pick in picks:
        if not parse_wheel_filename(pick.filename)[3] & fitting:
            raise ResolveError(f"{pick.filename} does not run on {label}", hint="name a wheel that was built for it")
    return sorted(picks, key=lambda pick: pick.name)


def _pick(package: Package, chosen: object, base: Path, label: str) -> Pick:
    if not isinstance(chosen, PackageWheel | PackageArchive):
        raise source_only(package.name, label)
    url = _address(chosen.url, chosen.path, base)
    named = chosen.filename if isinstance(chosen, PackageWheel) else unquote(urlsplit(url).path.rpartition("/")[2])
    try:
        name, version, _, _ = parse_wheel_filename(named)
    except InvalidWheelFilename:
        raise source_only(package.name, label) from None
    if canonicalize_name(package.name) != name:
        raise LockError(f"{named} is given as {package.name}, which it is not")
    if "sha256" not in chosen.hashes:
        raise LockError(f"no sha256 is known for {named}", hint="use a source that gives sha256 hashes")
    return Pick(
        name=name,
        version=str(version),
        filename=named,
        sha256=from_hex(chosen.hashes["sha256"]),
        size=chosen.size,
        url=url,
        page=package.index or "",
        direct=isinstance(chosen, PackageArchive),
    )


def _address(url: str | None, path: str | None, base: Path) -> str:
    return url or (base / (path or "")).resolve().as_uri()
