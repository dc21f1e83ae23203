"""``setup.cfg`` and ``setup.py`` as a declaration; the latter is read, never run."""

from __future__ import annotations

import configparser
from bisect import bisect_left
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from slimtorch.errors import ConfigError
from slimtorch.findings import Location
from slimtorch.project.declared import setup_script
from slimtorch.project.declared.found import Found, Wrong, joined, lines
from slimtorch.project.declared.model import PRODUCTION
from slimtorch.project.requirements_text.files import content

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LARGEST = 1_000_000
"""Bytes of a file."""


def read(root: Path) -> Found:
    """What both files of a folder declare."""
    return joined([_config(root), _script(root)])


def files(root: Path) -> tuple[tuple[str, str], ...]:
    """The requirements files that ``setup.cfg`` names (``install_requires = file: requirements.txt``)."""
    parser, _, _ = _parsed(root)
    value = parser.get("options", "install_requires", fallback="") if parser else ""
    if not value.strip().startswith("file:"):
        return ()
    return tuple((name.strip(), PRODUCTION) for name in value.strip()[5:].split(",") if name.strip())


def _config(root: Path) -> Found:
    parser, text, wrong = _parsed(root)
    if parser is None:
        return Found(wrong=wrong)
    name = parser.get("metadata", "name", fallback="").strip()
    own = canonicalize_name(name) if name and not name.startswith(("attr:", "file:")) else ""
    places = _Places(text)
    rows = [("options", "install_requires", PRODUCTION), ("options", "tests_require", "tests")]
    if parser.has_section("options.extras_require"):
        section = "options.extras_require"
        rows += [(section, extra, f"extra:{canonicalize_name(extra)}") for extra in parser.options(section)]
    parts = []
    for section, key, group in rows:
        value = parser.get(section, key, fallback="")
        if not value.strip().startswith("file:"):
            found = [(line, places.of(key, line)) for line in _split(value)]
            parts.append(lines(found, group))
    return joined([Found(own=own), *parts])


def _parsed(root: Path) -> tuple[configparser.ConfigParser | None, str, tuple[Wrong, ...]]:
    path = root / "setup.cfg"
    if not path.is_file():
        return None, "", ()
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        text = content(path, LARGEST).decode("utf-8-sig")
        parser.read_string(text)
    except (ConfigError, UnicodeDecodeError, configparser.Error) as error:
        reason = error.problems[0] if isinstance(error, ConfigError) else str(error).splitlines()[0]
        return None, "", (Wrong(Location("setup.cfg"), f"cannot be read: {reason}"),)
    return parser, text, ()


def _split(value: str) -> Iterator[str]:
    stripped = map(str.strip, value.splitlines())
    yield from (line for line in stripped if line and not line.startswith("#"))


class _Places:
    """Where the lines of a ``setup.cfg`` stand: the first one after its key."""

    def __init__(self, text: str) -> None:
        self._keys: dict[str, int] = {}
        self._values: dict[str, list[int]] = {}
        for number, line in enumerate(map(str.strip, text.splitlines()), 1):
            key, equals, value = line.partition("=")
            self._keys.setdefault(key.strip(), number)
            for one in {line, value.strip()} if equals else {line}:
                self._values.setdefault(one, []).append(number)

    def of(self, key: str, value: str) -> Location:
        """The place of a value of a key."""
        start, found = self._keys.get(key, 1), self._values.get(value, [])
        after = bisect_left(found, start)
        return Location("setup.cfg", found[after] if after < len(found) else start)


def _script(root: Path) -> Found:
    path = root / "setup.py"
    if not path.is_file():
        return Found()
    try:
        return setup_script.read(content(path, LARGEST), "setup.py")
    except ConfigError as error:
        return Found(wrong=(Wrong(Location("setup.py"), error.problems[0], fatal=False),))
