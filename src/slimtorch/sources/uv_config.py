"""What uv's own configuration files name as sources. uv reads them itself; we only have to know their names.

Files and their order: https://docs.astral.sh/uv/concepts/configuration-files/.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from slimtorch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Named:
    """One source that uv's configuration names; `name` is '' where it has none."""

    url: str = field(repr=False)
    name: str = ""
    default: bool = False
    explicit: bool = False
    """Whether only packages that are pinned to it come from it."""
    links: bool = False


def sources(environ: Mapping[str, str], home: Path, project: Path | None, root: Path = Path("/")) -> tuple[Named, ...]:
    """Every source that uv would read from its files for a project in this folder; of several defaults, the first.

    `root` stands for ``/`` where the machine's own files are looked up.

    Raises:
        ConfigError: a file is no TOML.
    """
    found: list[Named] = []
    for path in files(environ, home, project, root):
        found += _of_file(path)
    default = next((one for one in found if one.default), None)
    return tuple(one for one in found if not one.default or one is default)


def files(environ: Mapping[str, str], home: Path, project: Path | None, root: Path = Path("/")) -> Iterator[Path]:
    """The files that uv reads, strongest first: the project's, the user's, the system's."""
    if environ.get("UV_NO_CONFIG", "").lower() in {"1", "true", "yes", "on", "y", "t"}:
        return
    if named := environ.get("UV_CONFIG_FILE", ""):
        yield Path(named)
        return
    shared = [f"{folder}/uv/uv.toml" for folder in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":") if folder]
    system = [root / path.lstrip("/") for path in (*shared, "/etc/uv/uv.toml")]
    own = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "uv/uv.toml"
    for group in (_of_project(project) if project else (), (own,), system):
        if path := next((path for path in group if path.is_file()), None):
            yield path


def _of_project(folder: Path) -> Iterator[Path]:
    """The files of the folder and those above it that say something to uv, nearest first."""
    start = folder.absolute()
    for place in (start, *start.parents):
        yield place / "uv.toml"
        if (place / "pyproject.toml").is_file() and "uv" in _table(_parse(place / "pyproject.toml"), "tool"):
            yield place / "pyproject.toml"


def _of_file(path: Path) -> Iterator[Named]:
    data = _parse(path)
    said = _table(_table(data, "tool"), "uv") if path.name == "pyproject.toml" else data
    for table in (_table(said, "pip"), said):
        for row in _list(table.get("index")):
            if isinstance(row, dict) and isinstance(row.get("url"), str):
                yield Named(
                    _address(row["url"], path),
                    str(row.get("name", "")),
                    default=row.get("default") is True,
                    explicit=row.get("explicit") is True,
                    links=row.get("format") == "flat",
                )
        if isinstance(table.get("index-url"), str):
            yield Named(_address(table["index-url"], path), default=True)
        yield from (Named(_address(url, path)) for url in _list(table.get("extra-index-url")) if isinstance(url, str))
        links = (url for url in _list(table.get("find-links")) if isinstance(url, str))
        yield from (Named(_address(url, path), links=True) for url in links)


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # the parser's own message may quote a password
        reason = error.strerror if isinstance(error, OSError) else "not valid TOML"
        raise ConfigError(
            str(path), [str(reason)], hint="uv reads this file; correct it or set UV_NO_CONFIG=1"
        ) from None


def _table(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _address(url: str, path: Path) -> str:
    return url if urlsplit(url).scheme else str((path.parent / url).absolute())
