"""Which builds of torch, and of what goes with it, the configured sources serve: on index pages, in folders."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from slimtorch.errors import FetchError
from slimtorch.host.connections import without_credentials

if TYPE_CHECKING:
    from slimtorch.sources.indexes import Source
    from slimtorch.sources.request import Request, Tools

PAGE_LIMIT = 20_000_000
_BUILD = r"(?<![A-Za-z0-9_.-]){name}-[A-Za-z0-9_.]+(?:\+|%2B)[A-Za-z0-9_.]+-[A-Za-z0-9_.-]+\.whl"


def versions(name: str, request: Request, tools: Tools, local: str) -> list[Version]:
    """The builds of `name` whose local version matches the pattern `local` and that fit the target, newest first."""
    fitting = frozenset(request.target.tags())
    found: set[Version] = set()
    for source in request.indexes.searched:
        for filename in _wheels(name, source, tools):
            try:
                _, version, _, tags = parse_wheel_filename(unquote(filename))
            except (InvalidWheelFilename, InvalidVersion):
                continue
            if tags & fitting and re.fullmatch(local, version.local or ""):
                found.add(version)
    return sorted(found, reverse=True)


def _wheels(name: str, source: Source, tools: Tools) -> list[str]:
    folder = source.folder
    if folder is not None and source.links:
        text = "\n".join(path.name for path in folder.glob(f"{name}-*.whl"))
    elif folder is not None:
        page = folder / name / "index.html"
        text = page.read_text(errors="replace") if page.is_file() else ""
    else:
        text = _page(name, source, tools) if source.url else ""
    return re.findall(_BUILD.format(name=name), text, re.IGNORECASE)


def _page(name: str, source: Source, tools: Tools) -> str:
    page = _Text()
    address = without_credentials(source.url)
    try:
        tools.fetch.download(address if source.links else f"{address.rstrip('/')}/{name}/", page, limit=PAGE_LIMIT)
    except FetchError:
        return ""
    return bytes(page.data).decode(errors="replace")


class _Text:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes, /) -> int:
        self.data += data
        return len(data)
