"""Requirements, or a lock by another tool → pinned wheels."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from slimtorch.errors import ResolveError, VerificationError
from slimtorch.host.connections import credentials_of, without_credentials
from slimtorch.image.digest import of_stream
from slimtorch.project.lock import LockedWheel
from slimtorch.sources import cuda_error, duplicates, indexes, newer_source, selection, torch_build, uv
from slimtorch.sources import requirements as requirement_files
from slimtorch.sources.request import Resolution
from slimtorch.sources.torch_build import Chosen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from slimtorch.sources.request import Request, Tools
    from slimtorch.sources.selection import Pick
    from slimtorch.sources.torch_build import Decide

UNKNOWN_SIZE_LIMIT = 20_000_000_000
"""Bytes read at most to learn the size of a file whose server does not tell it."""


def resolve(request: Request, tools: Tools, decide: Decide | None = None, *, remarks: bool = True) -> Resolution:
    """The wheels that the service needs on its target, each by name, version, file name, sha256, size and source.

    Where the project names no device and the wheels hold a torch, `decide` says which (see `torch_build.Decide`).
    `remarks` asks every source for every name, to say which hold the same ones and which have newer versions as source
    only: for locking, not for looking.

    Raises:
        ResolveError: nothing satisfies the requirements; a package exists only as source; a wheel is not among the
            hashes that the requirements promise.
        CudaError: CUDA came in where the project says ``cpu``, or another CUDA than the one that it asks for.
        FetchError: an index cannot be reached.
        LockError: the other tool's lock cannot be used.
    """
    chosen = _chosen(request, tools, decide)
    _enforce_hashes(chosen.picks, request)
    refused = bool(chosen.unmet and request.device)
    pages = {name: note.page for name, note in chosen.annotations.items() if note.page}
    wheels = tuple(
        LockedWheel(
            name=pick.name,
            version=pick.version,
            filename=pick.filename,
            sha256=pick.sha256,
            # What is refused anyway is not read only to learn how large it is.
            size=_size(pick, tools, limit=0 if refused else UNKNOWN_SIZE_LIMIT),
            index=_source_name(pick, pages.get(pick.name, "") or pick.page, request),
            url=_direct_url(pick, request.root) if pick.direct else "",
        )
        for pick in chosen.picks
    )
    located = {str(pick.sha256): without_credentials(pick.url) for pick in chosen.picks}
    found = Resolution(tuple(sorted(wheels)), (), located, unmet=chosen.unmet)
    if refused:
        raise cuda_error.unmet(found, request, chosen.annotations)
    said = [*chosen.notes, *_credential_notes(chosen.picks)]
    if remarks:
        said += duplicates.notes(wheels, pages, request.indexes, tools)
        said += newer_source.notes(wheels, request, tools)
    # Only an undeclared device has to be told what it saves; not every server tells sizes for free.
    plain = 0 if request.device else sum(_size(pick, tools, limit=0) for pick in chosen.plain)
    return replace(found, notes=tuple(said), saved=plain - found.size if plain else 0)


def _chosen(request: Request, tools: Tools, decide: Decide | None) -> Chosen:
    lock = request.requirements.lock
    if lock is None:
        return torch_build.resolve(request, tools, decide)
    text = uv.export_lock(request, tools, lock) if lock.name == "uv.lock" else _read(lock)
    picks = selection.select(selection.parse(text, lock.name), request.target, lock.parent, lock.name)
    device = request.device
    if decide and not device and torch_build.needs_device(picks) and decide(picks, ()) == "cpu":
        device = "cpu"
    fits = torch_build.fits(picks, replace(request, device=device))
    return Chosen(picks, {}, unmet="" if fits else f"{lock.name} is taken as it is")


def _read(lock: Path) -> str:
    try:
        return lock.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ResolveError(f"{lock} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None


def _enforce_hashes(picks: Sequence[Pick], request: Request) -> None:
    """With one hash in the requirements, every wheel has to be among them, as in pip's hash-checking mode."""
    allowed = requirement_files.read(request.requirements.files).hashes
    if not allowed:
        return
    missing = [pick.name for pick in picks if pick.name not in allowed]
    if missing:
        raise ResolveError(
            f"{request.origin} gives hashes, but none for {', '.join(missing)}",
            hint="hash every requirement, dependencies included: uv pip compile --generate-hashes",
        )
    for pick in picks:
        if pick.sha256.hex not in allowed[pick.name]:
            raise VerificationError(
                f"{pick.filename} is not one of the files that {request.origin} gives hashes for ({pick.sha256})",
                hint="an index offers another file than the one that was hashed; check it, then hash again",
            )


def _source_name(pick: Pick, page: str, request: Request) -> str:
    if pick.direct:
        return "direct"
    if page and not pick.path:
        return indexes.by_page(request.indexes, page)
    return indexes.by_page(request.indexes, page) if page else indexes.name_of(request.indexes, pick.url)


def _size(pick: Pick, tools: Tools, limit: int = UNKNOWN_SIZE_LIMIT) -> int:
    """Bytes of the file; uv tells them only for files of an index. 0 where one would have to read more than `limit`."""
    if pick.path is not None:
        return _local_size(pick, pick.path)
    if pick.size is not None:
        return pick.size
    if (said := tools.fetch.look(pick.url).size) is not None:
        return said
    return tools.fetch.download(pick.url, _Nowhere(), limit=limit) if limit else 0


class _Nowhere:
    def write(self, data: bytes, /) -> int:
        return len(data)


def _local_size(pick: Pick, path: Path) -> int:
    """The size of a file of this machine; uv hashed it just now, unless another tool's lock promises its hash."""
    try:
        size = path.stat().st_size
        if pick.size is not None and pick.size != size:
            with path.open("rb") as stream:
                digest, _ = of_stream(stream)
            raise VerificationError(f"{path} has {size} bytes, and {pick.size} were promised ({digest})")
    except OSError as error:
        raise ResolveError(f"{path} cannot be read: {error.strerror}") from None
    return size


def _direct_url(pick: Pick, root: Path) -> str:
    """The user's own address, without credentials; a file below the project as a path relative to it."""
    if pick.path is None:
        return without_credentials(pick.url)
    inside = pick.path.is_relative_to(root.resolve())
    return pick.path.relative_to(root.resolve()).as_posix() if inside else pick.url


def _credential_notes(picks: Sequence[Pick]) -> list[str]:
    return [
        f"the address of {pick.name} holds credentials; they are not locked: give them in ~/.netrc"
        for pick in picks
        if pick.direct and credentials_of(pick.url)
    ]


def _from_torch(wheel: LockedWheel) -> bool:
    """Whether the wheel came from one of PyTorch's own indexes, which uv knows by the name of their backend."""
    return bool(re.fullmatch(f"{indexes.TORCH}(?:cpu|cu[0-9]+)", wheel.index))


def pinned(request: Request, wheels: Sequence[LockedWheel], tools: Tools) -> dict[str, str]:
    """Where the files of a lock lie now, by sha256: the pins are resolved again on this machine's sources."""
    lines = [f"{wheel.name}=={wheel.version}" for wheel in wheels if not wheel.url]
    backends = sorted({wheel.index.removeprefix(indexes.TORCH) for wheel in wheels if _from_torch(wheel)})
    extra = ("--torch-backend", backends[0]) if backends else ()
    answer = uv.compile_pylock(request, tools, uv.Question(extra, tuple(lines), alone=True))
    found: dict[str, str] = {}
    for package in selection.parse(answer.text, "uv's answer").packages:
        for wheel in package.wheels or ():
            if "sha256" in wheel.hashes:
                address = wheel.url or (answer.base / (wheel.path or "")).resolve().as_uri()
                found["sha256:" + wheel.hashes["sha256"].lower()] = without_credentials(address)
    return found
