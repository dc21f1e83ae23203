"""Locked wheels → what each of them brings, with as little reading as can be: the cache, this machine, parts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slimtorch.errors import FetchError
from slimtorch.host.ranges import WholeOnlyError
from slimtorch.inventory.distributions import Distribution, EntryPoint
from slimtorch.sources import downloads, wheel_facts
from slimtorch.sources.remote_archive import RemoteFile
from slimtorch.tables import import_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from slimtorch.host.cache import Cache
    from slimtorch.host.progress import Progress
    from slimtorch.image.digest import Digest
    from slimtorch.project.lock import LockedWheel
    from slimtorch.sources.request import Request, Tools

THREADS = 8
SMALL = 20_000_000
"""Bytes of a wheel that is read whole where its server does not serve parts; it goes to the cache, for the build."""
SHOWN = 8
_KIND, _FORMAT = "distribution", 1


def of(
    wheels: Sequence[LockedWheel], request: Request, tools: Tools, cache: Cache, progress: Progress
) -> dict[str, Distribution]:
    """What every wheel brings, by canonical name. A wheel is read once, then known; none is read whole for this.

    A wheel that cannot be read (this run is offline, its source is gone) is assumed to bring what a distribution of
    its name usually brings; `progress` is told once, for all.

    Raises:
        ArchiveError: a wheel is damaged or hostile, or is not the one that was locked.
        VerificationError: a source holds another file under that name.
    """
    known = {wheel.sha256: found for wheel in wheels if (found := _recorded(wheel, cache))}
    unknown = [wheel for wheel in wheels if wheel.sha256 not in known]
    if unknown:
        with progress.task("Reading what the wheels bring", len(unknown), "wheels") as task:
            reading = _Reading(request, tools, cache)
            known.update(reading.all(unknown, reading.places(unknown), task.advance))
            if lost := [wheel for wheel in unknown if wheel.sha256 not in known]:
                known.update(reading.all(lost, reading.searched(lost, wheels), task.advance))
    assumed = [wheel for wheel in wheels if wheel.sha256 not in known]
    if assumed:
        progress.note(_note([wheel.name for wheel in assumed]))
    return {wheel.name: known.get(wheel.sha256) or _assumed(wheel) for wheel in wheels}


@dataclass(frozen=True, slots=True)
class _Reading:
    """Who reads, and from where."""

    request: Request
    tools: Tools
    cache: Cache

    def places(self, wheels: Sequence[LockedWheel]) -> dict[Digest, str | Path | None]:
        """Where the wheels are, without asking anybody."""
        return {
            wheel.sha256: self.cache.blob(wheel.sha256) or downloads.known(wheel, self.request, self.cache)
            for wheel in wheels
        }

    def searched(self, lost: Sequence[LockedWheel], wheels: Sequence[LockedWheel]) -> dict[Digest, str | Path | None]:
        """Where the configured sources say they are; nothing, where they cannot be asked."""
        try:
            found = downloads.search(lost, wheels, self.request, self.tools)
        except FetchError:
            return {}
        for digest, place in found.items():
            if isinstance(place, str):
                self.cache.put_record(downloads.LOCATED, digest, {"url": place})
        return found

    def all(
        self, wheels: Sequence[LockedWheel], places: Mapping[Digest, str | Path | None], advance: Callable[[int], None]
    ) -> dict[Digest, Distribution]:
        """What was read, and recorded, of the wheels at these places."""

        def one(wheel: LockedWheel) -> Distribution | None:
            with suppress(FetchError):
                if found := self._one(wheel, places.get(wheel.sha256)):
                    advance(1)
                    return found
            return None

        with ThreadPoolExecutor(THREADS) as pool:
            try:
                results = list(pool.map(one, wheels))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return {wheel.sha256: found for wheel, found in zip(wheels, results, strict=True) if found}

    def _one(self, wheel: LockedWheel, place: str | Path | None) -> Distribution | None:
        file = self._remote(wheel, place) if isinstance(place, str) else place
        if file is None or (isinstance(file, Path) and not downloads.fits(file, wheel)):
            return None
        found = wheel_facts.of_wheel(file, wheel)
        whole = file == self.cache.blob_path(wheel.sha256)
        self.cache.put_record(_KIND, wheel.sha256, {"format": _FORMAT, "whole": whole, **_plain(found)})
        return found

    def _remote(self, wheel: LockedWheel, url: str) -> RemoteFile | Path | None:
        """The wheel to be read in parts; as a blob where its server has no parts and the wheel is small."""
        file = RemoteFile(url, wheel.size, self.tools.fetch, wheel.filename)
        try:
            file.prefetch(wheel.size - 1, wheel.size)
        except WholeOnlyError:
            if wheel.size > SMALL:
                return None
            with self.cache.writer(wheel.sha256, what=wheel.filename) as writer:
                self.tools.fetch.download(url, writer, limit=wheel.size)
            return self.cache.blob(wheel.sha256)
        return file


def _recorded(wheel: LockedWheel, cache: Cache) -> Distribution | None:
    """What an earlier run read; not, where that was not the verified file, and the verified file is here now."""
    record = cache.record(_KIND, wheel.sha256)
    if not record or record.get("format") != _FORMAT:
        return None
    if not record.get("whole") and cache.blob(wheel.sha256):
        return None
    try:
        return Distribution(
            name=wheel.name,
            version=wheel.version,
            modules=frozenset(record["modules"]),
            requires=tuple(record["requires"]),
            extras=tuple(record["extras"]),
            entry_points=tuple(EntryPoint(*row) for row in record["entry_points"]),
            packed=wheel.size,
            unpacked=record["unpacked"],
            namespaces=frozenset(record["namespaces"]),
        )
    except (KeyError, TypeError):
        return None


def _plain(found: Distribution) -> dict[str, Any]:
    """The distribution as JSON."""
    return {
        "modules": sorted(found.modules),
        "namespaces": sorted(found.namespaces),
        "requires": found.requires,
        "extras": found.extras,
        "entry_points": [(point.group, point.name, point.value) for point in found.entry_points],
        "unpacked": found.unpacked,
    }


def _assumed(wheel: LockedWheel) -> Distribution:
    modules = import_names.assumed(wheel.name)
    above = {part for name in modules for part in _above(name)}
    return Distribution(
        name=wheel.name,
        version=wheel.version,
        modules=frozenset(modules | above),
        packed=wheel.size,
        unpacked=0,
        assumed=True,
        namespaces=frozenset(above - modules),
    )


def _above(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:level]) for level in range(1, len(parts))]


def _note(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    return (
        f"{len(names)} wheels could not be read, so that only their names are known: {shown}; "
        "their imports are assumed, what they need is not known"
    )
