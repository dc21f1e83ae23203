"""Everything that a folder declares, from wherever people write it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from slimtorch.errors import ConfigError
from slimtorch.project.declared import conda, metadata, pipenv, pylock, pyproject, setuptools, texts
from slimtorch.project.declared.found import Found, joined
from slimtorch.project.declared.model import PRODUCTION, Declarations
from slimtorch.project.declared.texts import Top
from slimtorch.project.declared.toml import load

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from slimtorch.project.declared.toml import Toml
    from slimtorch.project.model import Requirements


def read(root: Path, requirements: Requirements | None = None) -> Declarations:
    """What the project in the folder `root` declares, for production and for each of its groups.

    `requirements` are those of a configured project: they are production, and nothing else is. Without them it is what
    people have, in the order of its meaning: ``pyproject.toml`` (PEP 621, PEP 735, Poetry, uv, PDM, Hatch), files of
    requirements (their group is what their name says), ``setup.cfg`` and ``setup.py`` (read, not run); and only where
    these declare nothing for production ``Pipfile``, conda's ``environment.yml``, ``PKG-INFO``. A name that an earlier
    origin declares for a group is not declared again by a later one. What pip-compile or uv made from other files are
    pins: those files declare.

    Raises:
        ConfigError: a file cannot be read or is not TOML, or a declaration for production is wrong: a line that is no
            requirement, a file that is missing or includes itself, two pins that exclude each other. All are listed,
            with file and line. What is wrong in another group is in `Declarations.problems`.
    """
    toml = load(root / "pyproject.toml", root)
    project = pyproject.read(toml) if toml else Found()
    legacy = setuptools.read(root)
    own = project.own or legacy.own
    if requirements is not None:
        found = _configured(root, requirements, toml, project, own)
    else:
        files = texts.contents(_tops(root, toml, project, legacy), root, own)
        found = _first([project, files, legacy])
    if PRODUCTION not in found.groups() and requirements is None:
        found = _first([found, pipenv.read(root), conda.read(root)])
        if PRODUCTION not in found.groups():
            found = _first([found, metadata.read(root)])
    return _checked(root, found, own or found.own)


def with_files(declarations: Declarations, files: Sequence[Path], root: Path) -> Declarations:
    """The declarations with what these files, and all that they include, hold as production's, whatever else there is.

    What is wrong in these files is not said here.
    """
    if not files:
        return declarations
    found = texts.contents([Top(path, PRODUCTION) for path in files], root, declarations.own)
    places = {item.location.path for item in (*found.items, *found.nameless)}
    others = (item for item in declarations.items if item.location.path not in places)
    nameless = (item for item in declarations.nameless if item.location.path not in places)
    return replace(declarations, items=(*found.items, *others), nameless=(*found.nameless, *nameless))


def _tops(root: Path, toml: Toml | None, project: Found, legacy: Found) -> tuple[Top, ...]:
    named = [*(pyproject.files(toml) if toml else ()), *setuptools.files(root)]
    declares = PRODUCTION in project.groups() or PRODUCTION in legacy.groups()
    tops = {root / name: Top(root / name, group) for name, group in named}
    for top in texts.declared(texts.find(root), root, metadata=declares):
        tops.setdefault(top.path, top)
    return tuple(tops.values())


def _configured(root: Path, wanted: Requirements, toml: Toml | None, project: Found, own: str) -> Found:
    others = [top for top in _tops(root, toml, project, Found()) if top.group != PRODUCTION]
    if wanted.files:
        named = texts.declared([Top(path, PRODUCTION) for path in wanted.files], root, metadata=False)
        found = texts.contents([*named, *others], root, own)
        return joined([found, _without_production(project)])
    files = texts.contents(others, root, own)
    if wanted.lock and wanted.lock.name != "uv.lock":
        return joined([pylock.read(wanted.lock, root), _without_production(project), files])
    return joined([_chosen(project, wanted), files])


def _chosen(found: Found, wanted: Requirements) -> Found:
    """With the groups and extras that the project installs as production."""
    groups = {PRODUCTION, *wanted.groups, *(f"extra:{extra}" for extra in wanted.extras)}
    items = {
        (item.text, PRODUCTION): replace(item, group=PRODUCTION)
        for item in reversed(found.items)
        if item.group in groups
    }
    return replace(found, items=(*reversed(items.values()), *(i for i in found.items if i.group not in groups)))


def _without_production(found: Found) -> Found:
    return replace(
        found,
        items=tuple(item for item in found.items if item.group != PRODUCTION),
        wrong=tuple(replace(wrong, fatal=False) for wrong in found.wrong),
    )


def _first(origins: list[Found]) -> Found:
    """All together; a name and group that an earlier origin has is left out of the later ones."""
    kept: list[Found] = []
    known: set[tuple[str, str]] = set()
    for found in origins:
        kept.append(replace(found, items=tuple(item for item in found.items if (item.name, item.group) not in known)))
        known |= {(item.name, item.group) for item in found.items}
    return joined(kept)


def _checked(root: Path, found: Found, own: str) -> Declarations:
    wrong = tuple(dict.fromkeys(found.wrong))
    if fatal := [one for one in wrong if one.fatal]:
        hints = dict.fromkeys(one.hint for one in fatal if one.hint)
        raise ConfigError(str(root), [one.line for one in fatal], hint="\n".join(hints))
    items = tuple(dict.fromkeys(item for item in found.items if not own or item.name != own))
    return Declarations(items, own, found.nameless, tuple(one.line for one in wrong))
