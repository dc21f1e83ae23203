"""Which builds of torch the configured sources serve: on index pages, in find-links folders."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from slimtorch.errors import FetchError
from slimtorch.host.connections import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.sources.indexes import Source
    from slimtorch.sources.request import Request, Tools

PAGE_LIMIT = 20_000_000
_WHEEL = re.compile(r"torch-[A-Za-z0-9_.]+(?:\+|%2B)[A-Za-z0-9_.]+-[A-Za-z0-9_.-]+\.whl", re.IGNORECASE)


def versions(request: Request, tools: Tools, local: str) -> list[Version]:
    """The builds of torch whose local version matches the pattern `local` and that fit the target, newest first."""
    fitting = frozenset(request.target.tags())
    found: set[Version] = set()
    for source in request.indexes.searched:
        for name in _names(source, tools):
            try:
                _, version, _, tags = parse_wheel_filename(unquote(name))
            except (InvalidWheelFilename, InvalidVersion):
                continue
            if tags & fitting and re.fullmatch(local, version.local or ""):
                found.add(version)
    return sorted(found, reverse=True)


def _names(source: Source, tools: Tools) -> Iterator[str]:
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
