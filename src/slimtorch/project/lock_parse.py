"""The text of ``slimtorch.lock`` → `Lock`. The file is checked like any other input: its names become paths."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from slimtorch.errors import ImageError, LockError
from slimtorch.image.digest import Digest, from_hex
from slimtorch.project.lock import Lock, LockedBase, LockedDeb, LockedPlatform, LockedWheel
from slimtorch.project.lock_text import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

T = TypeVar("T")

LARGEST_FILE = 100_000_000_000
"""Bytes of one wheel or Debian package."""
LONGEST_LOAD = 1e6
"""Seconds."""
AGAIN = "run `slimtorch lock` to write it again"
_DEB_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~%:_-]*\.deb")
_DEB_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_DEB_VERSION = re.compile(r"[0-9][A-Za-z0-9.+~:-]*")
_INTERPRETER = re.compile(r"(?:/[A-Za-z0-9][A-Za-z0-9._+-]*)+")
_PLATFORM = re.compile(r"linux/[a-z0-9]+(?:/[a-z0-9]+)?")


def parse(text: str, path: Path) -> Lock:
    """The lock written in `text`; `path` is what messages call it.

    Raises:
        LockError: it is damaged, or of a format that this version does not know.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise LockError(f"{path} is damaged: not TOML ({error})", hint=AGAIN) from None
    version = document.get("version")
    if isinstance(version, int) and version > VERSION:
        raise LockError(f"{path} is of format {version}, which is newer than this slimtorch", hint="update slimtorch")
    if version != VERSION or isinstance(version, bool):
        raise LockError(f"{path} is damaged: it names no format version", hint=AGAIN)
    return _lock(_Table(document, "", path))


@dataclass(frozen=True, slots=True)
class _Table:
    """One decoded table; every complaint names the file and the place."""

    data: Mapping[str, Any]
    where: str
    path: Path

    def damaged(self, what: str) -> LockError:
        place = f"{self.where}: " if self.where else ""
        return LockError(f"{self.path} is damaged: {place}{what}", hint=AGAIN)

    def words(self, key: str, default: str | None = None) -> str:
        """A text, which may be empty."""
        found = self.data.get(key, default)
        if not isinstance(found, str) or not (found.isprintable() or not found):
            raise self.damaged(f"there is no {key}" if found is None else f"{key} is not plain text")
        return found

    def text(self, key: str) -> str:
        if found := self.words(key):
            return found
        raise self.damaged(f"{key} is empty")

    def size(self, key: str) -> int:
        found = self.data.get(key)
        if isinstance(found, bool) or not isinstance(found, int) or not 0 < found <= LARGEST_FILE:
            raise self.damaged(f"{key} is not a number of bytes: {found!r}")
        return found

    def digest(self, key: str, make: Callable[[str], Digest] = Digest) -> Digest:
        try:
            return make(self.text(key))
        except ImageError:
            raise self.damaged(f"{key} is not a sha256 digest: {self.text(key)[:100]!r}") from None

    def table(self, key: str, where: str = "") -> _Table:
        found = self.data.get(key, {})
        if not isinstance(found, dict):
            raise self.damaged(f"{key} is not a table")
        return _Table(found, where or key, self.path)

    def packages(self, key: str, make: Callable[[_Table], T]) -> tuple[T, ...]:
        rows = self.data.get(key, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.damaged(f"{key} is not a list of tables")
        found: dict[str, T] = {}
        for row in rows:
            name = _Table(row, f"{self.where}: a {key}", self.path).text("name")
            if name in found:
                raise self.damaged(f"{key} {name} is there twice")
            found[name] = make(_Table(row, f"{self.where}: {key} {name}", self.path))
        return tuple(found[name] for name in sorted(found))


def _lock(top: _Table) -> Lock:
    platforms, parts = top.table("platform"), top.table("inputs")
    return Lock(
        config_digest=top.digest("config-digest"),
        python=top.text("python"),
        suite=top.words("suite"),
        platforms={name: _platform(platforms, name) for name in sorted(platforms.data)},
        load_seconds=_load_seconds(top.table("measured")),
        device=_device(top.table("decided")),
        inputs={name: parts.digest(name) for name in sorted(parts.data)},
    )


def _load_seconds(table: _Table) -> float | None:
    found = table.data.get("load-seconds")
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < LONGEST_LOAD:
        raise table.damaged(f"load-seconds is not a time: {found!r}")
    return float(found)


def _device(table: _Table) -> str:
    if (found := table.words("device", "")) not in {"", "cpu", "cuda"}:
        raise table.damaged(f"device is neither cpu nor cuda: {found[:50]!r}")
    return found


def _platform(platforms: _Table, name: str) -> LockedPlatform:
    if not _PLATFORM.fullmatch(name):
        raise platforms.damaged(f"{name[:100]!r} is not a platform")
    table = platforms.table(name)
    return LockedPlatform(
        wheels=table.packages("wheel", _wheel), debs=table.packages("deb", _deb), base=_base(table, name)
    )


def _base(table: _Table, platform: str) -> LockedBase | None:
    if "base" not in table.data:
        return None
    base = table.table("base", f"{platform}: base")
    interpreter = base.text("interpreter")
    if not _INTERPRETER.fullmatch(interpreter):
        raise base.damaged(f"interpreter is not the path of a Python: {interpreter[:100]!r}")
    return LockedBase(base.text("reference"), base.digest("digest"), interpreter, base.size("glibc"))


def _wheel(row: _Table) -> LockedWheel:
    name, version, filename = row.text("name"), row.text("version"), row.text("file")
    if not _is_wheel(name, version, filename):
        raise row.damaged(f"version {version[:50]} cannot have the file name {filename[:200]!r}")
    url = row.words("url", "")
    if url and not re.fullmatch(r"(?:https?|file)://\S+", url) and not _is_inside(url):
        raise row.damaged("url is neither an address that can be fetched nor a file of the project")
    sha256, size = row.digest("sha256", from_hex), row.size("size")
    return LockedWheel(name, version, filename, sha256, size, row.text("index"), url)


def _is_inside(path: str) -> bool:
    """Whether the text is a relative path that does not leave the project."""
    return path.isprintable() and not path.startswith("/") and ":" not in path and ".." not in path.split("/")


def _is_wheel(name: str, version: str, filename: str) -> bool:
    try:
        real_name, real_version, _, _ = parse_wheel_filename(filename)
        same = real_name == canonicalize_name(name) and real_version == Version(version)
    except (InvalidWheelFilename, InvalidVersion):
        return False
    return same and not re.search(r"[/\\]", filename)


def _deb(row: _Table) -> LockedDeb:
    name, version, filename = row.text("name"), row.text("version"), row.text("file")
    if not _DEB_NAME.fullmatch(name) or not _DEB_VERSION.fullmatch(version):
        raise row.damaged(f"name or version {version[:50]!r} is not one of Debian's")
    if not _DEB_FILE.fullmatch(filename):
        raise row.damaged(f"a package cannot have the file name {filename[:200]!r}")
    architecture, index = row.text("architecture"), row.words("index")
    return LockedDeb(name, version, architecture, filename, row.digest("sha256", from_hex), row.size("size"), index)
