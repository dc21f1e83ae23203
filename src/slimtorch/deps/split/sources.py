"""What can be split: the files that a user names, or those that a project's folder has."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from slimtorch.errors import ConfigError, UsageError
from slimtorch.project.requirements_text.files import content

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

PYPROJECT = "pyproject.toml"
LARGEST = 4_000_000
"""Bytes of a ``pyproject.toml``."""
_FOUND = ("requirements.txt", "requirements.in")
_LOCKS = {
    "uv.lock": PYPROJECT,
    "poetry.lock": PYPROJECT,
    "pdm.lock": PYPROJECT,
    "pylock.toml": "the file that it was made from",
    "Pipfile.lock": "a requirements file",
    "conda-lock.yml": "a requirements file",
    "slimtorch.lock": "the requirements that it pins",
}
_OTHERS = {
    "setup.py": "move the requirements to [project] dependencies in pyproject.toml first",
    "setup.cfg": "move the requirements to [project] dependencies in pyproject.toml first",
    "Pipfile": "move what development needs to its [dev-packages]",
    "environment.yml": "write production's packages into a requirements file",
    "environment.yaml": "write production's packages into a requirements file",
}


def choose(paths: Iterable[Path]) -> tuple[Path, ...]:
    """The files to split, each once: what is named, or what a named folder declares its requirements in.

    Raises:
        ConfigError: one does not exist, or a folder has none.
        UsageError: one is a lock, or something that cannot be split.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        for file in _in(path) if path.is_dir() else (_checked(path),):
            found.setdefault(file.resolve(), file)
    return tuple(found.values())


def root_of(path: Path) -> Path:
    """The folder of the project that a file belongs to: the nearest that has a configuration, else the file's own."""
    folder = path if path.is_dir() else path.absolute().parent
    marks = ("slimtorch.toml", PYPROJECT, "setup.py", "setup.cfg", ".git")
    for above in (folder, *list(folder.absolute().parents)[:3]):
        if any((above / mark).exists() for mark in marks):
            return above
    return folder


def toml_text(path: Path) -> str:
    """The text of a TOML file, with its line ends.

    Raises:
        ConfigError: it cannot be read, or is not UTF-8.
    """
    try:
        return content(path, LARGEST).decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(str(path), ["is not UTF-8 text, as TOML has to be"]) from None


def _checked(path: Path) -> Path:
    name = path.name
    if name in _LOCKS or (name.startswith("pylock.") and name.endswith(".toml")):
        source = _LOCKS.get(name, _LOCKS["pylock.toml"])
        raise UsageError(
            f"{path} is a lock: it follows from another file", hint=f"split {source}, then write the lock again"
        )
    if name in _OTHERS:
        raise UsageError(f"{path} cannot be split", hint=_OTHERS[name])
    if path.suffix == ".toml" and name != PYPROJECT:
        raise UsageError(f"{path} cannot be split", hint="give a requirements file or a pyproject.toml")
    if not path.exists():
        raise ConfigError(str(path), ["does not exist"], hint="give a requirements file, a pyproject.toml or a folder")
    return path


def _in(folder: Path) -> tuple[Path, ...]:
    named = tuple(folder / name for name in _named(folder) if name != PYPROJECT)
    if named:
        return tuple(_checked(path) for path in named)
    for name in _FOUND:
        if (folder / name).is_file():
            return (folder / name,)
    if (folder / PYPROJECT).is_file():
        return (folder / PYPROJECT,)
    raise ConfigError(str(folder), ["holds neither requirements.txt nor pyproject.toml"], hint="name the file to split")


def _named(folder: Path) -> Iterator[str]:
    """The files that slimtorch's own configuration names, but locks; a broken one is somebody else's to tell."""
    for name, keys in (("slimtorch.toml", ()), (PYPROJECT, ("tool", "slimtorch"))):
        if not (folder / name).is_file():
            continue
        try:
            value: object = tomllib.loads(toml_text(folder / name))
        except tomllib.TOMLDecodeError:
            continue
        for key in (*keys, "requirements"):
            value = value.get(key) if isinstance(value, dict) else None
        rows = value if isinstance(value, list) else [value]
        yield from (row for row in rows if isinstance(row, str) and row not in _LOCKS)
