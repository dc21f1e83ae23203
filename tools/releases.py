"""The releases of a distribution on the configured index: their wheels, and what one wheel of each says of itself."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from email.parser import HeaderParser
from html.parser import HTMLParser
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import unquote, urljoin, urlsplit

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from slimtorch.errors import FetchError
from slimtorch.host.fetch import HttpFetch
from slimtorch.host.process import run
from slimtorch.project.model import Requirements
from slimtorch.sources import archive, uv
from slimtorch.sources.indexes import configured
from slimtorch.sources.remote_archive import RemoteFile
from slimtorch.sources.request import Request, Tools
from slimtorch.sources.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.tags import Tag

PAGE_LIMIT = 50_000_000
MEMBER_LIMIT = 100_000_000
"""Bytes, unpacked, of a member that is read from a wheel."""
# JSON (PEP 691) tells sizes; HTML (PEP 503) is what every index has.
_ACCEPT = {"Accept": "application/vnd.pypi.simple.v1+json, text/html;q=0.5"}


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel for Linux on an index page."""

    version: Version
    tags: frozenset[Tag]
    url: str

    def fits(self, machine: str) -> bool:
        """Whether it is for Linux on this processor."""
        return any(tag.platform.endswith(machine) and "linux" in tag.platform for tag in self.tags)

    @property
    def pythons(self) -> frozenset[str]:
        """The CPython versions that it is built for (``3.11``), free-threaded ones left out."""
        found = {(tag.interpreter, tag.abi) for tag in self.tags}
        matches = (re.fullmatch(r"cp(\d)(\d+)", name) for name, abi in found if name == abi)
        return frozenset(f"{match[1]}.{match[2]}" for match in matches if match)


class Index:
    """The configured sources, as pip and uv see them; pages are read once."""

    def __init__(self, environ: Mapping[str, str] = os.environ, home: Path | None = None) -> None:
        indexes = configured(environ, home or Path.home())
        self._tools = Tools(run, HttpFetch(indexes.settings), environ)
        self._request = Request(Requirements(inline=("",)), Target("3.11"), indexes, Path.cwd())
        self._pages: dict[str, list[Wheel]] = {}

    def newest(self, name: str) -> dict[str, list[Wheel]]:
        """The wheels of the last final version of each release (``2.9`` → those of 2.9.1), oldest release first."""
        releases: dict[tuple[int, ...], list[Wheel]] = {}
        if name not in self._pages:
            self._pages[name] = list(self._wheels(name))
        for wheel in self._pages[name]:
            if wheel.version.is_prerelease or wheel.version.local:
                continue
            held = releases.setdefault(wheel.version.release[:2], [])
            if held and wheel.version > held[0].version:
                held.clear()
            if not held or wheel.version == held[0].version:
                held.append(wheel)
        return {".".join(map(str, release)): releases[release] for release in sorted(releases)}

    def requires(self, wheel: Wheel) -> list[str]:
        """The ``Requires-Dist`` lines of a wheel."""
        headers = HeaderParser().parsestr(self.member(wheel, r"[^/]+\.dist-info/METADATA").decode(errors="replace"))
        return [str(line) for line in headers.get_all("Requires-Dist", [])]

    def member(self, wheel: Wheel, pattern: str) -> bytes:
        """The file of a wheel whose path matches; empty when there is none.

        Raises:
            ArchiveError: the wheel is damaged.
        """
        shown = unquote(wheel.url.rpartition("/")[2])
        with archive.opened(cast("Path | IO[bytes]", self._place(wheel.url, shown)), shown) as zipped:
            for info in zipped.infolist():
                if re.fullmatch(pattern, info.filename) and info.file_size <= MEMBER_LIMIT:
                    return zipped.read(info)
        return b""

    def _place(self, url: str, shown: str) -> Path | RemoteFile:
        if urlsplit(url).scheme == "file":
            return Path(unquote(urlsplit(url).path))
        size = self._tools.fetch.look(url).size
        if not size:
            raise FetchError(f"{shown}: the index does not tell its size")
        return RemoteFile(url, size, self._tools.fetch, shown)

    def _wheels(self, name: str) -> Iterator[Wheel]:
        # uv says which index a name comes from, the public one included.
        question = uv.Question(("--no-deps",), (name,), alone=True)
        page = uv.compile_annotated(self._request, self._tools, question)[name].page
        for url in _links(*self._read(f"{page.rstrip('/')}/{name}/")):
            filename = unquote(urlsplit(url).path.rpartition("/")[2])
            try:
                _, version, _, tags = parse_wheel_filename(filename)
            except (InvalidWheelFilename, InvalidVersion):
                continue
            yield Wheel(version, tags, url)

    def _read(self, address: str) -> tuple[str, str]:
        """The page, and the address that its links start from."""
        if not address.startswith(("http://", "https://")):
            path = Path(unquote(urlsplit(address).path)) / "index.html"
            return path.read_text("utf-8"), path.as_uri()
        sink = _Sink()
        self._tools.fetch.download(address, sink, limit=PAGE_LIMIT, headers=_ACCEPT)
        return bytes(sink.data).decode("utf-8", "replace"), address


def _links(text: str, base: str) -> Sequence[str]:
    if text.lstrip().startswith("{"):
        return [urljoin(base, file["url"]) for file in json.loads(text)["files"] if not file.get("yanked")]
    anchors = _Anchors()
    anchors.feed(text)
    return [urljoin(base, link).partition("#")[0] for link in anchors.links]


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "a" and (link := found.get("href")) and "data-yanked" not in found:
            self.links.append(link)


class _Sink:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes, /) -> int:
        self.data += data
        return len(data)
