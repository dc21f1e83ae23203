"""Where imports are looked up: the root, ``src``, and the folders that the packaging files of each sub-project name."""

from __future__ import annotations

import configparser
import posixpath
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slimtorch.inventory.code.scope import Scope
    from slimtorch.inventory.code.tree import Tree

MAX_BYTES = 1_000_000
"""A packaging file."""
_VENDORED = frozenset({"_vendor", "vendor", "_vendored", "vendored", "third_party", "thirdparty", "extern", "_extern"})
_PACKAGE_DIR = re.compile(
    r"package_dir\s*=\s*\{\s*[\"']{2}\s*:\s*[\"']([\w./-]+)[\"']|where\s*=\s*[\"']([\w./-]+)[\"']"
)


@dataclass(frozen=True, slots=True)
class Root:
    """A folder that modules are looked up in, and the folder below which that is certain."""

    path: str
    below: str


def roots(tree: Tree, scope: Scope) -> tuple[Root, ...]:
    """All roots, those of the scope first. Folders that hold no module are left out."""
    found = [Root(_clean(path), "") for path in scope.roots]
    for project, files in sorted(tree.projects.items()):
        named = [*_named(tree.root / project, files)] if files else []
        found += [Root(_clean(posixpath.join(project, path)), project) for path in ("", "src", "lib", "python", *named)]
    for folder in sorted(tree.folders):
        if folder.rpartition("/")[2] in _VENDORED:
            found.append(Root(folder, folder))
    return tuple(dict.fromkeys(root for root in found if not root.path or root.path in tree.folders))


def _clean(path: str) -> str:
    """A path relative to the root without ``.``; one that leaves the root becomes a name that nothing has."""
    clean = posixpath.normpath(path.strip("/") or ".")
    return "" if clean == "." else clean


def _named(folder: Path, files: frozenset[str]) -> Iterator[str]:
    """Folders that the packaging files of one project name, relative to it."""
    if "pyproject.toml" in files:
        yield from _pyproject(_text(folder / "pyproject.toml"))
    if "setup.cfg" in files:
        yield from _setup_cfg(_text(folder / "setup.cfg"))
    if "setup.py" in files:
        for match in _PACKAGE_DIR.finditer(_text(folder / "setup.py")):
            yield match[1] or match[2]


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _pyproject(text: str) -> Iterator[str]:
    """The settings of setuptools, poetry, hatch, pdm, maturin, uv and pytest that name source folders."""
    try:
        tool = tomllib.loads(text).get("tool", {})
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    yield from _texts(_at(tool, "setuptools", "packages", "find", "where"))
    yield from _texts(_at(tool, "setuptools", "package-dir"))
    packages = _at(tool, "poetry", "packages")
    for package in packages if isinstance(packages, list) else []:
        yield from _texts(_at(package, "from"))
    for target in ("wheel", "sdist"):
        for package in _texts(_at(tool, "hatch", "build", "targets", target, "packages")):
            yield posixpath.dirname(package)
        yield from _texts(_at(tool, "hatch", "build", "targets", target, "sources"))
    yield from _texts(_at(tool, "pdm", "build", "package-dir"))
    yield from _texts(_at(tool, "maturin", "python-source"))
    yield from _texts(_at(tool, "uv", "build-backend", "module-root"))
    yield from _texts(_at(tool, "pytest", "ini_options", "pythonpath"))


def _at(value: Any, *keys: str) -> Any:  # noqa: ANN401 - a document of somebody else
    """What stands below these keys, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - a document of somebody else
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (item for item in value.values() if isinstance(item, str))
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))


def _setup_cfg(text: str) -> Iterator[str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    yield from parser.get("options.packages.find", "where", fallback="").split()
    for line in parser.get("options", "package_dir", fallback="").splitlines():
        yield line.rpartition("=")[2].strip()
