"""What this machine is set up with for pip: its configuration files and environment, as pip itself would merge them."""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SECTIONS = ("global", "download", "install")
"""Weakest first: pip lets the command's own section win over [global], whatever file either stands in."""


def settings(environ: Mapping[str, str], home: Path, root: Path = Path("/")) -> dict[str, str]:
    """The effective options of pip by long name (``index-url``), empty ones left out; several values stay one text.

    `root` stands for ``/`` where the machine's own files are looked up.

    Raises:
        ConfigError: a file cannot be parsed.
    """
    sections: dict[str, dict[str, str]] = {name: {} for name in _SECTIONS}
    for path in files(environ, home, root):
        for name, options in _parse(path).items():
            if name in sections:
                sections[name].update(options)
    merged: dict[str, str] = {}
    for name in _SECTIONS:
        merged.update(_given(sections[name]))
    variables = {name[4:].lower().replace("_", "-"): text for name, text in environ.items() if name.startswith("PIP_")}
    variables.pop("config-file", None)
    return merged | _given(variables)


def files(environ: Mapping[str, str], home: Path, root: Path = Path("/")) -> Iterator[Path]:
    """The files that pip reads, weakest first, existing ones only."""
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return
    shared = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
    candidates = [_below(root, f"{folder}/pip/pip.conf") for folder in shared.split(":") if folder]
    candidates.append(_below(root, "/etc/pip.conf"))
    if not (named and Path(named).is_file()):
        candidates.append(home / ".pip/pip.conf")
        candidates.append(Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf")
    if environment := environ.get("VIRTUAL_ENV"):
        candidates.append(Path(environment) / "pip.conf")
    if named:
        candidates.append(Path(named))
    yield from (path for path in candidates if path.is_file())


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _parse(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        # The parser's own message quotes the line, which may hold a password.
        reason = error.strerror if isinstance(error, OSError) else f"not a pip configuration ({type(error).__name__})"
        raise ConfigError(str(path), [str(reason)], hint="`pip config debug` shows which files pip reads") from None
    return {section: {_name(key): value for key, value in parser.items(section)} for section in parser.sections()}


def _name(key: str) -> str:
    return key.lower().replace("_", "-").removeprefix("--")


def _given(options: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in options.items() if value.strip()}
