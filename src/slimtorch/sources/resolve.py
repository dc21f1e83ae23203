"""Requirements, or a lock by another tool → pinned wheels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.errors import ResolveError, VerificationError
from slimtorch.host.connections import credentials_of, without_credentials
from slimtorch.image.digest import of_stream
from slimtorch.project.lock import LockedWheel
from slimtorch.sources import cpu_torch, duplicates, indexes, selection, uv
from slimtorch.sources import requirements as requirement_files
from slimtorch.sources.request import Resolution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from slimtorch.sources.request import Request, Tools
    from slimtorch.sources.selection import Pick
    from slimtorch.sources.uv_output import Annotation

UNKNOWN_SIZE_LIMIT = 20_000_000_000
"""Bytes read at most to learn the size of a file whose server does not tell it."""


def resolve(request: Request, tools: Tools) -> Resolution:
    """The wheels that the service needs on its target, each by name, version, file name, sha256, size and source.

    Raises:
        ResolveError: nothing satisfies the requirements; a package exists only as source; CUDA came in where the
            project says ``cpu``; a wheel is not among the hashes that the requirements promise.
        FetchError: an index cannot be reached.
        LockError: the other tool's lock cannot be used.
    """
    picks, annotations, notes = _picks(request, tools)
    _enforce_hashes(picks, request)
    pages = {name: note.page for name, note in annotations.items() if note.page}
    wheels, located = [], {}
    for pick in picks:
        name = _source_name(pick, pages.get(pick.name, "") or pick.page, request)
        located[str(pick.sha256)] = without_credentials(pick.url)
        wheels.append(
            LockedWheel(
                name=pick.name,
                version=pick.version,
                filename=pick.filename,
                sha256=pick.sha256,
                size=_size(pick, tools),
                index=name,
                url=_direct_url(pick, request.root) if pick.direct else "",
            )
        )
    notes += [*duplicates.notes(wheels, pages, request.indexes, tools), *_credential_notes(picks)]
    return Resolution(tuple(sorted(wheels)), tuple(notes), located)


def _picks(request: Request, tools: Tools) -> tuple[list[Pick], Mapping[str, Annotation], list[str]]:
    lock = request.requirements.lock
    if lock is None:
        return cpu_torch.resolve(request, tools)
    text = uv.export_lock(request, tools, lock) if lock.name == "uv.lock" else _read(lock)
    picks = selection.select(selection.parse(text, lock.name), request.target, lock.parent, lock.name)
    if request.device == "cpu" and (found := cpu_torch.offenders(picks, request.target)):
        raise ResolveError(
            f'{lock.name} brings CUDA ({", ".join(found)}), but the project says device = "cpu"',
            hint=f"lock a CPU build of torch in {lock.name}, or set [torch] device",
        )
    return picks, {}, []


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


def _size(pick: Pick, tools: Tools) -> int:
    """Bytes of the file; uv tells them only for files of an index."""
    if pick.path is not None:
        return _local_size(pick, pick.path)
    if pick.size is not None:
        return pick.size
    if (said := tools.fetch.look(pick.url).size) is not None:
        return said
    return tools.fetch.download(pick.url, _Nowhere(), limit=UNKNOWN_SIZE_LIMIT)


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


def pinned(request: Request, wheels: Sequence[LockedWheel], tools: Tools) -> dict[str, str]:
    """Where the files of a lock lie now, by sha256: the pins are resolved again on this machine's sources."""
    lines = [f"{wheel.name}=={wheel.version}" for wheel in wheels if not wheel.url]
    extra = ("--torch-backend", "cpu") if any(wheel.index == indexes.TORCH_CPU for wheel in wheels) else ()
    answer = uv.compile_pylock(request, tools, uv.Question(extra, tuple(lines), alone=True))
    found: dict[str, str] = {}
    for package in selection.parse(answer.text, "uv's answer").packages:
        for wheel in package.wheels or ():
            if "sha256" in wheel.hashes:
                address = wheel.url or (answer.base / (wheel.path or "")).resolve().as_uri()
                found["sha256:" + wheel.hashes["sha256"].lower()] = without_credentials(address)
    return found
