"""The top level of the file: name, version, Python, platforms and where the requirements come from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from slimtorch.project.config import system
from slimtorch.project.config.image import NAME_KIND, VERSION_KIND
from slimtorch.project.config.kinds import one_or_more, project_path, texts
from slimtorch.project.config.reader import BadValueError, Key, Section, suggest

if TYPE_CHECKING:
    from slimtorch.project.config.pyproject import Pyproject
    from slimtorch.project.config.reader import Table
    from slimtorch.project.model import Os

PLATFORMS = ("linux/amd64", "linux/arm64")
_MACHINES = {"x86_64": "linux/amd64", "amd64": "linux/amd64", "aarch64": "linux/arm64", "arm64": "linux/arm64"}


def _python(value: object) -> str:
    if not isinstance(value, str):
        raise BadValueError('must be text, such as "3.11" (3.10 without quotes would be 3.1)')
    if not re.fullmatch(r"3\.\d{1,2}", value):
        raise BadValueError(f'must be MAJOR.MINOR such as "3.11", not {value!r}')
    return value


def _platforms(value: object) -> tuple[str, ...]:
    for name in (names := texts(value)):
        if name not in PLATFORMS:
            known = ", ".join(PLATFORMS)
            raise BadValueError(f"{name!r} is not a platform that slimtorch builds for ({known})" + _alias(name))
    if not names:
        raise BadValueError("must name a platform, such as linux/amd64")
    return tuple(sorted(set(names)))


def _alias(name: str) -> str:
    known = _MACHINES.get(name.removeprefix("linux/").lower())
    return f"; did you mean `{known}`?" if known else suggest(name, list(PLATFORMS))


def _requirements(value: object) -> tuple[str, ...]:
    if not (found := tuple(project_path(item) for item in one_or_more(value))):
        raise BadValueError("must name a file")
    return found


def _names(value: object) -> tuple[str, ...]:
    for name in (names := texts(value)):
        if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", name):
            raise BadValueError(f"{name!r} is not the name of a group")
    return tuple(dict.fromkeys(re.sub(r"[-_.]+", "-", name).lower() for name in names))


NAME = Key("name", NAME_KIND, "", "The service's name.", "`[project] name`, else the folder's", '"digits"')
VERSION = Key("version", VERSION_KIND, "", "The service's version.", '`[project] version`, else `"0"`', '"1.2"')
PYTHON = Key("python", _python, "", "The Python that the service runs on.", "the suite's", '"3.11"')
PLATFORM_KEY: Key[tuple[str, ...]] = Key(
    "platforms", _platforms, (), "What to build for.", "this machine's", '["linux/amd64", "linux/arm64"]'
)
REQUIREMENTS: Key[tuple[str, ...]] = Key(
    "requirements",
    _requirements,
    (),
    "The file that names the packages, or a list of them: requirements files, `pylock.toml`, `uv.lock` or "
    "`pyproject.toml`.",
    "the first that exists of `pylock.toml`, `uv.lock`, `requirements-prod.txt`, `requirements.txt`, `pyproject.toml`",
    '"requirements/serve.txt"',
)
GROUPS: Key[tuple[str, ...]] = Key(
    "groups", _names, (), "Dependency groups of `pyproject.toml` to add.", "[]", '["serve"]'
)
EXTRAS: Key[tuple[str, ...]] = Key("extras", _names, (), "Extras of `pyproject.toml` to add.", "[]", '["gpu"]')
SECTION = Section(
    "",
    "The service and what it needs.",
    (NAME, VERSION, PYTHON, PLATFORM_KEY, REQUIREMENTS, GROUPS, EXTRAS),
    ("app", "os", "torch", "slim", "service", "health", "check", "image", "layers", "sources"),
)


def platform_of(machine: str) -> str:
    """The platform of a machine as ``uname -m`` names it; ``linux/amd64`` for one that is not known."""
    return _MACHINES.get(machine.lower(), PLATFORMS[0])


def name_and_version(table: Table, pyproject: Pyproject, folder: str) -> tuple[str, str]:
    """The service's name and version, from the file, from ``[project]`` or from the folder's name."""
    own = re.sub(r"[^a-z0-9]+", "-", (pyproject.name or folder).lower()).strip("-")
    version = re.sub(r"[^A-Za-z0-9.+_-]", "-", pyproject.version)
    return table.read(NAME) or own or "service", table.read(VERSION) or version or "0"


def python(table: Table, os: Os) -> str:
    """The Python to run on: the suite's, which is the only one that a suite packages; a base must be told."""
    chosen = table.read(PYTHON)
    if os.base:
        if not chosen and PYTHON not in table:
            table.bad(PYTHON, "is missing: say which Python the base image holds")
        return chosen
    packaged = system.suites()
    if chosen and chosen != packaged[os.suite]:
        others = [f'[os] suite = "{name}"' for name, version in packaged.items() if version == chosen]
        table.bad(
            PYTHON,
            f"Debian {os.suite} packages Python {packaged[os.suite]}, not {chosen}",
            "set " + " or ".join([f'python = "{packaged[os.suite]}"', *others, *([] if others else ["[os] base"])]),
        )
    return chosen or packaged[os.suite]
