"""Which package brought a file, read from the packages' own lists.

Python distributions: ``RECORD`` and ``METADATA`` in ``*.dist-info`` (PEP 376, PEP 427). Debian packages: ``.md5sums``
and control stanzas in ``/var/lib/dpkg/status.d`` (images without dpkg) or ``/var/lib/dpkg/{status,info/*.list}``.
"""

from __future__ import annotations

import csv
import io
import posixpath
import re
from contextlib import suppress
from email.parser import HeaderParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LIST_LIMIT = 64_000_000
"""Bytes above which a list is not read: no real RECORD comes near it."""

_WANTED = re.compile(
    r".*\.dist-info/(?:RECORD|METADATA)|var/lib/dpkg/status|var/lib/dpkg/status\.d/[^/]+|var/lib/dpkg/info/[^/]+\.list"
)
# Where a path of a package ends up when /bin, /sbin and /lib are links into /usr.
_MERGED = re.compile(r"(?:bin|sbin|lib|lib64|lib32|libx32)/")


def is_list(path: str, size: int) -> bool:
    """Whether the file at `path` says what a package is or holds."""
    return size <= LIST_LIMIT and _WANTED.fullmatch(path) is not None


def owners(lists: Mapping[str, bytes]) -> dict[str, str]:
    """The owner of each path that a list names, as ``wheel:NAME==VERSION`` or ``deb:NAME=VERSION``."""
    found: dict[str, str] = {}
    # The outermost list comes last and wins: a distribution owns what is vendored inside it.
    for path, data in sorted(lists.items(), key=lambda item: (-item[0].count("/"), item[0])):
        text = data.decode(errors="replace")
        if path.endswith(".dist-info/RECORD"):
            found.update(_record(path, text, lists.get(posixpath.dirname(path) + "/METADATA", b"")))
        elif path.startswith("var/lib/dpkg/status.d/") and not path.endswith(".md5sums"):
            found.update(_status_d(path, text, lists.get(f"{path}.md5sums", b"")))
        elif path == "var/lib/dpkg/status":
            found.update(_status(text, lists))
    return found


def _record(path: str, text: str, metadata: bytes) -> Iterator[tuple[str, str]]:
    headers = HeaderParser().parsestr(metadata.decode(errors="replace"))
    owner = f"wheel:{normalized(headers.get('Name', ''))}=={headers.get('Version', '')}"
    site = posixpath.dirname(posixpath.dirname(path))
    for row in _rows(text):
        if row:
            yield posixpath.normpath(posixpath.join("/", site, row[0])).lstrip("/"), owner


def _rows(text: str) -> Iterator[list[str]]:
    """The rows of a RECORD up to the first that is none: what comes after it has no owner."""
    with suppress(csv.Error):
        yield from csv.reader(io.StringIO(text))


def _status_d(path: str, text: str, sums: bytes) -> Iterator[tuple[str, str]]:
    headers = HeaderParser().parsestr(text)
    owner = f"deb:{headers.get('Package', posixpath.basename(path))}={headers.get('Version', '')}"
    yield path, owner
    yield f"{path}.md5sums", owner
    for line in sums.decode(errors="replace").splitlines():
        _, _, name = line.partition("  ")
        if name:
            yield merged(name), owner


def _status(text: str, lists: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    for stanza in text.split("\n\n"):
        headers = HeaderParser().parsestr(stanza)
        name, version = headers.get("Package"), headers.get("Version", "")
        if not name:
            continue
        candidates = (f"var/lib/dpkg/info/{name}.list", f"var/lib/dpkg/info/{name}:{headers.get('Architecture')}.list")
        for path in candidates:
            for line in lists.get(path, b"").decode(errors="replace").splitlines():
                yield merged(line.lstrip("/")), f"deb:{name}={version}"


def merged(path: str) -> str:
    """The path in a merged-/usr tree."""
    path = path.removeprefix("./")
    return f"usr/{path}" if _MERGED.match(path) else path


def normalized(name: str) -> str:
    """A distribution's name as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name).lower()
