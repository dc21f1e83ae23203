"""A project's folder → its declarations, its code, and the places outside the code that name what it installs."""

from __future__ import annotations

import platform as machine
import re
import tomllib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from slimtorch.build import service_code
from slimtorch.deps.check import facts
from slimtorch.deps.check.reasons import INTERESTS
from slimtorch.deps.model import Evidence
from slimtorch.errors import ConfigError
from slimtorch.findings import Location
from slimtorch.flows.deps import below
from slimtorch.inventory import code
from slimtorch.inventory.code.mentions import mentions
from slimtorch.inventory.distributions import Distribution
from slimtorch.project import config, declared
from slimtorch.project.config.project import platform_of
from slimtorch.project.declared import PRODUCTION, Declarations, texts, with_files
from slimtorch.tables import import_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from slimtorch.project.model import Project

PYTHONS = ("3.11", "3.12", "3.13", "3.10", "3.14")
"""Versions that a project may ask for, the likeliest first."""
_VERSION = re.compile(r"(?:cpython-)?(3\.\d+)")


@dataclass(frozen=True, slots=True)
class Opened:
    """A project's folder and what it declares; `project` is None where slimtorch is not configured for it."""

    root: Path
    project: Project | None
    declarations: Declarations
    python: str
    platform: str


def opened(path: Path, files: Sequence[Path] = ()) -> Opened:
    """The project in a folder, or of a configuration file; `files` are requirements of production, too.

    Raises:
        ConfigError: it is not there, its configuration or requirements cannot be read, or nothing declares anything.
    """
    if not path.exists():
        raise ConfigError(str(path), ["does not exist"], hint="name the project's folder or its slimtorch.toml")
    if path.is_file() and path.suffix in texts.SUFFIXES:
        return _of_file(path, files)
    if not path.is_dir() and path.suffix != ".toml":
        raise ConfigError(str(path), ["is neither a folder nor a slimtorch.toml"], hint="name the project's folder")
    if path.name == config.PYPROJECT and path.is_file() and not _is_configured(path.parent):
        path = path.parent
    if path.is_file() or _is_configured(path):
        project = config.load(path)
        declarations = with_files(declared.read(project.root, project.requirements), files, project.root)
        return Opened(project.root, project, declarations, project.python, project.platforms[0])
    root = path.absolute()
    return _plain(path, root, with_files(declared.read(root), files, root))


def _of_file(path: Path, files: Sequence[Path]) -> Opened:
    """The folder of a requirements file, which alone says what production needs."""
    root = path.absolute().parent
    around = declared.read(root)
    others = tuple(item for item in around.items if item.group != PRODUCTION)
    declarations = with_files(replace(around, items=others, nameless=()), [root / path.name, *files], root)
    return _plain(path, root, declarations)


def _plain(path: Path, root: Path, declarations: Declarations) -> Opened:
    if declarations.items or declarations.nameless:
        return Opened(root, None, declarations, _python(root), platform_of(machine.machine()))
    said = "nothing says which packages the service needs"
    hint = "write a requirements.txt, or [project] dependencies in pyproject.toml"
    if empty := [path.name] if path.is_file() else [top.path.name for top in texts.find(root)]:
        said, hint = f"{said}: {empty[0]} is empty", f"write the packages into {empty[0]}, one a line"
    elif members := below.look(root).members:
        hint = below.separately(members)
    raise ConfigError(str(path), [said], hint=hint)


def evidence(found: Opened, distributions: Mapping[str, Distribution]) -> Evidence:
    """What a judgement of the project rests on, where its requirements bring these distributions.

    Raises:
        MachineError: a folder of the service's files cannot be read.
    """
    return Evidence(
        declarations=found.declarations,
        code=code.read(found.root, _scope(found), INTERESTS),
        distributions=distributions,
        mentions=_mentions(found, _words(found, distributions)),
        python=found.python,
    )


def _is_configured(root: Path) -> bool:
    if (root / config.FILE).is_file():
        return True
    try:
        document = tomllib.loads((root / config.PYPROJECT).read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return False
    tools = document.get("tool")
    return isinstance(tools, dict) and "slimtorch" in tools


def _python(root: Path) -> str:
    """The Python that a project asks for where slimtorch is not configured; the likeliest that fits."""
    try:
        if match := _VERSION.match((root / ".python-version").read_text("utf-8").strip()):
            return match[1]
    except (OSError, UnicodeDecodeError):
        pass
    try:
        document = tomllib.loads((root / config.PYPROJECT).read_text("utf-8-sig"))
        wanted = SpecifierSet(str(document.get("project", {}).get("requires-python", "")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError, InvalidSpecifier, AttributeError):
        return PYTHONS[0]
    return next((version for version in PYTHONS if wanted.contains(f"{version}.9")), PYTHONS[0])


def _scope(found: Opened) -> code.Scope:
    return service_code.scope(found.project) if found.project else code.Scope(python=found.python)


def _words(found: Opened, distributions: Mapping[str, Distribution]) -> frozenset[str]:
    """What the requirements of production are called outside the code."""
    names = {item.name for item in found.declarations.of(PRODUCTION)}
    words: set[str] = set()
    for name in names:
        held = distributions.get(name) or Distribution(name, "", import_names.assumed(name), assumed=True)
        words |= facts.spoken(held)
    return frozenset(words)


def _mentions(found: Opened, words: frozenset[str]) -> Mapping[str, Location]:
    places = dict(mentions(found.root, words))
    if project := found.project:
        for word in {part for item in project.service.command for part in re.split(r"[\s:.]", item)} & words:
            places.setdefault(word, Location(project.config_path.name))
    return places
