"""Locked Debian packages become verified blobs of the cache."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from slimtorch.errors import FetchError, VerificationError
from slimtorch.image.digest import of_stream
from slimtorch.sources.apt import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from slimtorch.host.cache import Cache
    from slimtorch.host.machine import Machine
    from slimtorch.host.process import Completed
    from slimtorch.project.lock import LockedDeb
    from slimtorch.sources.apt import Apt

BATCH = 40
"""Packages asked for in one call, so that progress moves."""
_VANISHED = re.compile(
    r"Version '[^']*' for '([^':]+)|Unable to locate package ([^\s:]+)|^E: Can't find .* '([^']+)'", re.MULTILINE
)
_GONE = re.compile(r"404 |File not found|No such file", re.IGNORECASE)
_RENEW = "renew the operating system's packages with: slimtorch lock --upgrade-os (or lock from a dated snapshot)"


def fetch(
    debs: Sequence[LockedDeb], apt: Callable[[], Apt], machine: Machine, *, vendor: Path | None = None
) -> dict[str, Path]:
    """The blob of every package, by package name; downloads only what neither the cache nor `vendor` holds.

    `apt` is only called when something has to be downloaded.

    Raises:
        FetchError: a version is no longer on the mirror, or the mirror cannot be reached.
        VerificationError: a file is not the one that was locked.
    """
    cache = machine.cache
    missing = [deb for deb in debs if not cache.blob(deb.sha256)]
    if vendor and missing:
        _take_vendored(missing, vendor, cache)
        missing = [deb for deb in missing if not cache.blob(deb.sha256)]
    if missing:
        if machine.offline:
            names = ", ".join(deb.name for deb in missing[:5])
            raise FetchError(f"{names} are not in the cache, and this run is offline", hint="run without --offline")
        ready = apt()
        with machine.progress.task("Debian packages", sum(deb.size for deb in missing)) as task:
            for start in range(0, len(missing), BATCH):
                batch = missing[start : start + BATCH]
                _download(batch, ready, cache)
                task.advance(sum(deb.size for deb in batch))
    return {deb.name: cache.blob_path(deb.sha256) for deb in debs}


def _take_vendored(wanted: Sequence[LockedDeb], vendor: Path, cache: Cache) -> None:
    """Files of the folder whose size and sha256 are those of a wanted package; their names do not matter."""
    sizes = {deb.size for deb in wanted}
    promised = {deb.sha256 for deb in wanted}
    for path in sorted(vendor.rglob("*.deb")):
        if path.stat().st_size not in sizes:
            continue
        with path.open("rb") as stream:
            digest, _ = of_stream(stream)
        if digest in promised:
            cache.add_file(path, digest, what=path.name)


def _download(debs: Sequence[LockedDeb], apt: Apt, cache: Cache) -> None:
    with cache.scratch() as folder, apt.alone():
        done = _ask(debs, apt, folder)
        if done.status != 0 and _is_stale(done) and apt.age > 1:  # the lists may be older than the mirror
            apt.update()
            done = _ask(debs, apt, folder)
        arrived = {_name_and_version(path): path for path in folder.iterdir() if path.suffix == ".deb"}
        for deb in debs:
            if path := arrived.get((deb.name, deb.version)):
                cache.add_file(path, deb.sha256, what=f"{deb.name} {deb.version}")
        if lacking := [deb for deb in debs if (deb.name, deb.version) not in arrived]:
            raise _refusal(lacking, done, apt)


def _ask(debs: Sequence[LockedDeb], apt: Apt, folder: Path) -> Completed:
    return apt.get("download", "-q", "--", *(f"{deb.name}={deb.version}" for deb in debs), cwd=folder)


def _is_stale(done: Completed) -> bool:
    return bool(_VANISHED.search(done.stderr) or _GONE.search(done.stderr))


def _name_and_version(path: Path) -> tuple[str, str]:
    """Both, from a download's file name: apt writes ``name_version_architecture.deb``, with a colon as ``%3a``."""
    name, _, rest = path.stem.partition("_")
    return name, unquote(rest.rpartition("_")[0])


def _refusal(lacking: Sequence[LockedDeb], done: Completed, apt: Apt) -> FetchError | VerificationError:
    told = redact(done.last_lines)
    gone = {name for match in _VANISHED.finditer(done.stderr) for name in match.groups() if name}
    vanished = [deb for deb in lacking if deb.name in gone] or (lacking if _GONE.search(done.stderr) else [])
    if vanished:
        names = ", ".join(f"{deb.name} {deb.version}" for deb in vanished[:5])
        more = f" and {len(vanished) - 5} more" if len(vanished) > 5 else ""
        return FetchError(f"the mirror of {apt.archive.suite} no longer has {names}{more}", hint=_RENEW)
    if "Hash Sum mismatch" in done.stderr or "Hashes of" in done.stderr:
        return VerificationError(
            f"the mirror serves other bytes than its index promises:\n{told}", hint="use another mirror"
        )
    names = ", ".join(deb.name for deb in lacking[:5])
    return FetchError(
        f"{names} could not be downloaded:\n{told}", hint="check the mirror and the proxy", temporary=True
    )
