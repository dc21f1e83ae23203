"""A service for CPUs must not get CUDA: finds the CPU build of torch where an index, a folder or PyTorch serves it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from slimtorch.errors import FetchError, ResolveError
from slimtorch.host.connections import without_credentials
from slimtorch.sources import selection, uv
from slimtorch.sources.uv import PLAIN, Question
from slimtorch.sources.uv_output import Annotation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from slimtorch.sources.indexes import Source
    from slimtorch.sources.request import Request, Tools
    from slimtorch.sources.selection import Pick
    from slimtorch.sources.target import Target

TRIES = 3
"""CPU builds of torch that are tried, newest first."""
PAGE_LIMIT = 20_000_000
_WHEEL = re.compile(r"torch-[A-Za-z0-9_.]+(?:\+|%2B)cpu-[A-Za-z0-9_.-]+\.whl", re.IGNORECASE)


def resolve(request: Request, tools: Tools) -> tuple[list[Pick], Mapping[str, Annotation], list[str]]:
    """The project's requirements resolved: wheels, annotations, notes. For ``cpu`` no CUDA is in it.

    Raises:
        ResolveError: nothing satisfies the requirements without CUDA.
    """
    picks = _compile(request, tools, PLAIN)
    if request.device != "cpu" or not (found := offenders(picks, request.target)):
        return picks, _annotated(request, tools, PLAIN), []
    # PyTorch's own index cannot be reached from everywhere; one more try is enough to find out.
    hasty = replace(tools, environ={**tools.environ, "UV_HTTP_RETRIES": "1"})
    for attempt, note in _attempts(request, tools):
        try:
            picks = _compile(request, hasty, attempt)
        except (ResolveError, FetchError):
            continue
        if not offenders(picks, request.target):
            return picks, _annotated(request, tools, attempt), [note]
    raise ResolveError(
        f'{request.origin} brings CUDA, but the project says device = "cpu": {_who(found, request, tools)}',
        hint="serve a +cpu build of torch by an index or a --find-links folder, allow PyTorch's own index, "
        'or set [torch] device = "cuda"',
    )


def offenders(picks: Sequence[Pick], target: Target) -> list[str]:
    """The packages that bring CUDA, torch first, as ``name==version``."""
    cuda = [p for p in picks if p.name.startswith(("nvidia-", "cuda-")) or p.name in {"triton", "pytorch-triton"}]
    # For 64-bit ARM the public index long served CPU builds without a local version.
    exempt = target.machine == "aarch64" and not cuda
    torch = [p for p in picks if p.name == "torch" and Version(p.version).local != "cpu" and not exempt]
    return [f"{pick.name}=={pick.version}" for pick in (*torch, *cuda)]


def _attempts(request: Request, tools: Tools) -> Iterator[tuple[Question, str]]:
    if not (request.indexes.settings.offline or request.indexes.no_index):
        yield Question(("--torch-backend", "cpu")), "torch was taken from PyTorch's own index of CPU builds"
    for version in _served(request, tools)[:TRIES]:
        note = f"torch {version} is the newest CPU build that the configured sources serve; newer ones bring CUDA"
        yield Question(lines=(f"torch=={version}",)), note


def _compile(request: Request, tools: Tools, attempt: Question) -> list[Pick]:
    answer = uv.compile_pylock(request, tools, attempt)
    lock = selection.parse(answer.text, "uv's answer")
    return selection.select(lock, request.target, answer.base, request.origin)


def _annotated(request: Request, tools: Tools, attempt: Question) -> Mapping[str, Annotation]:
    """Asked only where there is more than one place that a package may have come from."""
    several = len(request.indexes.searched) > 1 or attempt is not PLAIN
    return uv.compile_annotated(request, tools, attempt) if several else {}


def _who(found: Sequence[str], request: Request, tools: Tools) -> str:
    notes = uv.compile_annotated(request, tools)
    told = []
    for pin in found[:4]:
        via = [name for name in notes.get(pin.partition("==")[0], Annotation()).via if not name.startswith("-")]
        told.append(pin + (f" (for {', '.join(via)})" if via else ""))
    return ", ".join(told) + (f" and {len(found) - 4} more" if len(found) > 4 else "")


def _served(request: Request, tools: Tools) -> list[Version]:
    """The CPU builds of torch that fit the target on the configured sources, newest first."""
    fitting = frozenset(request.target.tags())
    versions: set[Version] = set()
    for name in _names(request.indexes.searched, tools):
        try:
            _, version, _, tags = parse_wheel_filename(unquote(name))
        except (InvalidWheelFilename, InvalidVersion):
            continue
        if tags & fitting:
            versions.add(version)
    return sorted(versions, reverse=True)


def _names(sources: Iterable[Source], tools: Tools) -> Iterator[str]:
    for source in sources:
        folder = source.folder
        if folder is not None and source.links:
            yield from (path.name for path in folder.glob("torch-*.whl") if _WHEEL.fullmatch(path.name))
        elif folder is not None:
            page = folder / "torch" / "index.html"
            yield from _WHEEL.findall(page.read_text(errors="replace")) if page.is_file() else ()
        elif source.url:
            yield from _WHEEL.findall(_page(source, tools))


def _page(source: Source, tools: Tools) -> str:
    page = _Text()
    address = without_credentials(source.url)
    try:
        tools.fetch.download(address if source.links else f"{address.rstrip('/')}/torch/", page, limit=PAGE_LIMIT)
    except FetchError:
        return ""
    return bytes(page.data).decode(errors="replace")


class _Text:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes, /) -> int:
        self.data += data
        return len(data)
