"""``setup.cfg`` and ``setup.py`` as a declaration; the latter is read, never run."""

from __future__ import annotations

import configparser
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
            found = [(line.strip(), places.of(key, line.strip())) for line in _split(value)]
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
    for line in value.splitlines():
        # Setuptools takes a semicolon for a marker only after a space or a version; a list on one line has newlines.
        if line.strip() and not line.strip().startswith("#"):
            yield line


class _Places:
    """Where the lines of a ``setup.cfg`` stand: the first one after its key."""

    def __init__(self, text: str) -> None:
        self._lines = [line.strip() for line in text.splitlines()]

    def of(self, key: str, value: str) -> Location:
        """The place of a value of a key."""
        start = next((number for number, line in enumerate(self._lines) if line.split("=")[0].strip() == key), 0)
        for number in range(start, len(self._lines)):
            if self._lines[number] == value or self._lines[number].partition("=")[2].strip() == value:
                return Location("setup.cfg", number + 1)
        return Location("setup.cfg", start + 1)


def _script(root: Path) -> Found:
    path = root / "setup.py"
    if not path.is_file():
        return Found()
    try:
        return setup_script.read(content(path, LARGEST), "setup.py")
    except ConfigError as error:
        return Found(wrong=(Wrong(Location("setup.py"), error.problems[0], fatal=False),))
