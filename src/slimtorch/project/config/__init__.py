"""``slimtorch.toml``, or ``[tool.slimtorch]`` in ``pyproject.toml`` → a checked `Project`.

Every problem is found before any is shown. `config_digest` names the part of the intent that decides the lock.
"""

from __future__ import annotations

import platform as machine
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slimtorch.errors import ConfigError
from slimtorch.project.config import (
    app,
    check,
    health,
    image,
    layers,
    project,
    pyproject,
    requirements,
    service,
    slim,
    sources,
    system,
    torch,
)
from slimtorch.project.config.inputs import config_digest, inputs
from slimtorch.project.config.reader import Problems, Section, Table, walk
from slimtorch.project.model import Project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.project.config.pyproject import Pyproject

FILE = "slimtorch.toml"
PYPROJECT = "pyproject.toml"
LARGEST = 1_000_000
"""Bytes of a configuration file."""

SECTIONS: tuple[Section, ...] = (
    project.SECTION,
    app.SECTION,
    system.SECTION,
    torch.SECTION,
    slim.SECTION,
    service.SECTION,
    health.SECTION,
    check.SECTION,
    image.SECTION,
    layers.SECTION,
    sources.SECTION,
    sources.INDEX_SECTION,
)
_EXAMPLE = """write slimtorch.toml beside your requirements.txt:

    [service]
    command = ["python", "serve.py"]
    port = 8000"""

__all__ = ["SECTIONS", "config_digest", "inputs", "keys", "load"]


@dataclass(frozen=True, slots=True)
class _Source:
    """The file that was found, its decoded settings, the dotted prefix of their keys, and the pyproject beside it."""

    path: Path
    settings: Mapping[str, Any]
    prefix: str
    pyproject: Pyproject


def keys() -> tuple[str, ...]:
    """Every dotted key that the configuration knows, in the order of the reference."""
    return tuple(walk(SECTIONS))


def load(path: Path | None = None, *, platform: str | None = None) -> Project:
    """The project in the folder `path` (the current one when None), or of the configuration file `path`.

    `platform` (``linux/amd64``) stands in for this machine's where the project names none.

    Raises:
        ConfigError: there is no configuration, it cannot be read, or it has problems; all are listed.
    """
    source = _search(path or Path())
    problems = Problems()
    found = _read(source, problems, platform or project.platform_of(machine.machine()))
    if problems.lines:
        raise ConfigError(str(source.path), problems.lines, hint="\n".join(problems.hints))
    return found


def _read(source: _Source, problems: Problems, here: str) -> Project:
    # Absolute, because tools that read these paths run in other folders.
    root = source.path.parent.absolute()
    top = Table(source.settings, project.SECTION, problems, source.prefix)
    name, version = project.name_and_version(top, source.pyproject, root.resolve().name)
    below = system.read(top.table(system.SECTION), root)
    runs = service.read(top.table(service.SECTION), below, top)
    return Project(
        root=root,
        config_path=source.path,
        python=project.python(top, below),
        platforms=top.read(project.PLATFORM_KEY) or (here,),
        requirements=requirements.read(top, source.pyproject, root),
        sources=sources.read(top.table(sources.SECTION), root),
        app=app.read(top.table(app.SECTION), root, runs.workdir),
        os=below,
        torch=torch.read(top.table(torch.SECTION)),
        service=runs,
        check=check.read(top.table(check.SECTION), root),
        image=image.read(top.table(image.SECTION), name, version),
        layers=layers.read(top.table(layers.SECTION)),
        slim=slim.read(top.table(slim.SECTION), root),
    )


def _search(path: Path) -> _Source:
    try:
        return _find(path)
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read: {error.strerror}"]) from None


def _find(path: Path) -> _Source:
    if not path.exists():
        raise ConfigError(str(path), ["does not exist"], hint="name the project's folder or its slimtorch.toml")
    root = path if path.is_dir() else path.parent
    own, beside = root / FILE, root / PYPROJECT
    if not path.is_dir() and path.name != PYPROJECT:
        own = path
    document = _decode(beside) if beside.is_file() else None
    tools = document.get("tool") if document else None
    settings = tools.get("slimtorch") if isinstance(tools, dict) else None
    asked = not path.is_dir() and path.name
    if own.is_file() and settings is not None:
        raise ConfigError(
            str(root),
            [f"the configuration is there twice: {own.name} and [tool.slimtorch] in {PYPROJECT}"],
            hint=f"drop [tool.slimtorch] from {PYPROJECT}, or delete {own.name}",
        )
    if own.is_file() and asked != PYPROJECT:
        return _Source(own, _decode(own), "", pyproject.parse(document))
    if not isinstance(settings, dict):
        what = (
            f"no {FILE}, and no [tool.slimtorch] in a {PYPROJECT}"
            if settings is None
            else "tool.slimtorch: must be a table"
        )
        raise ConfigError(str(path), [what], hint=_EXAMPLE)
    return _Source(beside, settings, "tool.slimtorch", pyproject.parse(document))


def _decode(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(str(path), [f"is larger than {LARGEST} bytes"])
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), [f"is not UTF-8 text (byte {error.start})"]) from None
    except RecursionError:
        raise ConfigError(str(path), ["is nested too deeply"]) from None
    except tomllib.TOMLDecodeError as error:
        raise _syntax(path, str(error)) from None


def _syntax(path: Path, message: str) -> ConfigError:
    # tomllib ends its message with the place: "… (at line 3, column 5)".
    match = re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", message, re.DOTALL)
    place = f"{path}:{match[2]}:{match[3]}" if match else str(path)
    return ConfigError(
        place, [f"is not TOML: {match[1] if match else message}"], hint="see https://toml.io for the format"
    )
