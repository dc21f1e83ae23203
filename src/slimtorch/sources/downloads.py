"""Locked wheels → verified blobs in the cache. The lock holds no address: each machine finds the files on its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from slimtorch.errors import FetchError, ResolveError, VerificationError
from slimtorch.image.digest import Digest
from slimtorch.sources.resolve import pinned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from slimtorch.host.cache import Cache
    from slimtorch.host.progress import Progress, Task
    from slimtorch.project.lock import LockedWheel
    from slimtorch.sources.request import Request, Resolution, Tools

THREADS = 4
LOCATED = "located"
"""The kind of the cache's records of where files were seen."""


@dataclass(frozen=True, slots=True)
class _Into:
    """Where downloads go, and who does and shows them."""

    tools: Tools
    cache: Cache
    task: Task


def remember(resolution: Resolution, cache: Cache) -> None:
    """Keeps where the files were found, so that fetching them need not ask again."""
    for digest, url in resolution.located.items():
        cache.put_record(LOCATED, Digest(digest), {"url": url})


def fetch(
    wheels: Sequence[LockedWheel], request: Request, tools: Tools, cache: Cache, progress: Progress
) -> dict[str, Path]:
    """The blob of every wheel, by the wheel's owner. Only missing ones are read, from folders or the network.

    Raises:
        FetchError: a file is on none of the sources any more.
        VerificationError: a source holds other bytes under that name.
    """
    missing = [wheel for wheel in wheels if cache.blob(wheel.sha256) is None]
    if missing:
        with progress.task("Downloading wheels", sum(wheel.size for wheel in missing)) as task:
            places = {wheel.sha256: known(wheel, request, cache) for wheel in missing}
            into = _Into(tools, cache, task)
            lost = _all(missing, places, into)
            if lost:
                _all(lost, search(lost, wheels, request, tools), into, last=True)
    return {wheel.owner: cache.blob_path(wheel.sha256) for wheel in wheels}


def _all(
    wheels: Sequence[LockedWheel],
    places: Mapping[Digest, str | Path | None],
    into: _Into,
    *,
    last: bool = False,
) -> list[LockedWheel]:
    """Fetches from these places; those whose place is unknown or has nothing are returned, or raised for at `last`."""

    def one(wheel: LockedWheel) -> LockedWheel | None:
        place = places.get(wheel.sha256)
        try:
            if place is None:
                raise _gone(wheel)
            _one(wheel, place, into)
        except FetchError as error:
            if last or wheel.url or error.temporary:
                raise
            return wheel
        return None

    with ThreadPoolExecutor(THREADS) as pool:
        try:
            return [wheel for wheel in pool.map(one, sorted(wheels, key=lambda w: -w.size)) if wheel]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _one(wheel: LockedWheel, place: str | Path, into: _Into) -> None:
    if isinstance(place, Path):
        _check_size(wheel, place.stat().st_size)
        into.cache.add_file(place, wheel.sha256, what=wheel.filename)
        into.task.advance(wheel.size)
        return
    with into.cache.writer(wheel.sha256, what=wheel.filename) as writer:
        into.tools.fetch.download(place, writer, limit=wheel.size, advance=into.task.advance)
        _check_size(wheel, writer.size)


def _check_size(wheel: LockedWheel, size: int) -> None:
    if size != wheel.size:
        raise VerificationError(
            f"{wheel.filename} is not what was promised: expected {wheel.size} bytes, got {size}",
            hint="the file was changed where it is served; lock again if that was meant",
        )


def known(wheel: LockedWheel, request: Request, cache: Cache) -> str | Path | None:
    """Where the file is without asking anybody: the user's own address, a folder, or where it was last seen."""
    if wheel.url:
        return _place(wheel.url, request.root)
    for source in request.indexes.searched:
        if source.links and source.folder is not None and (found := _in_folder(source.folder, wheel)):
            return found
    record = cache.record(LOCATED, wheel.sha256)
    place = _place(record["url"], request.root) if record and isinstance(record.get("url"), str) else None
    return None if isinstance(place, Path) and not fits(place, wheel) else place


def _in_folder(folder: Path, wheel: LockedWheel) -> Path | None:
    """A file of that name and size; of the same name, another source may hold another build."""
    return next(
        (path for path in (folder / wheel.filename, folder / "wheels" / wheel.filename) if fits(path, wheel)), None
    )


def fits(path: Path, wheel: LockedWheel) -> bool:
    """Whether there is a file of the wheel's size."""
    return path.is_file() and path.stat().st_size == wheel.size


def _place(url: str, root: Path) -> str | Path:
    parts = urlsplit(url)
    if parts.scheme in {"http", "https"}:
        return url
    return Path(unquote(parts.path)) if parts.scheme == "file" else root / url


def search(
    lost: Sequence[LockedWheel], wheels: Sequence[LockedWheel], request: Request, tools: Tools
) -> dict[Digest, str | Path | None]:
    """Where the `lost` ones of the locked wheels lie, as the configured sources say now; None for those they lack.

    Raises:
        FetchError: the sources cannot be asked, or lack a version that is locked.
    """
    try:
        found = pinned(request, wheels, tools)
    except ResolveError as error:
        raise FetchError(
            f"the sources of this machine do not hold what is locked ({lost[0].filename} is missing):\n{error.message}",
            hint="lock again, or configure the index or vendored folder that holds it",
        ) from None
    return {
        wheel.sha256: _place(found[wheel.sha256], request.root) if wheel.sha256 in found else None for wheel in lost
    }


def _gone(wheel: LockedWheel) -> FetchError:
    return FetchError(
        f"{wheel.filename} ({wheel.sha256}) is on none of the configured sources",
        hint=f"it was locked from the source {wheel.index!r}: configure it here, vendor the wheels, or lock again",
    )
