"""An environment that holds a project's packages, made of recorded facts: metadata, and empty files for the modules.

Tools that map imports to distributions by what is installed see there what they would see in a real one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tests.corpus import cases

from slimtorch.inventory.needs import Graph, environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from slimtorch.inventory.distributions import Distribution
    from slimtorch.project.declared.model import Declarations

LEVELS = 2
"""Dots in the names of modules that get a file; nobody looks deeper, and it is a hundred thousand files."""


def make(folder: Path, declarations: Declarations) -> Path:
    """The site-packages of a virtual environment in `folder` with everything that is declared, and its closure."""
    site = folder / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").touch()
    (folder / "pyvenv.cfg").write_text("version = 3.11.0\n")
    facts = cases.facts()
    roots: dict[str, set[str]] = {}
    for item in declarations.items:
        roots.setdefault(item.name, set()).update(item.extras)
    written = {item.name: Requirement(item.text).name for item in declarations.items}
    for name in sorted(Graph(facts, environment()).closure(roots)):
        # Real metadata has the name as its author writes it (ruamel.yaml); so does whoever declares it.
        _install(site, facts[name], written.get(name, name))
    return site


def _install(site: Path, distribution: Distribution, written: str) -> None:
    info = site / f"{distribution.name.replace('-', '_')}-{distribution.version}.dist-info"
    info.mkdir()
    files = list(_files(distribution))
    for name in files:
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    lines = [f"Name: {written}", f"Version: {distribution.version}"]
    lines += [f"Requires-Dist: {line}" for line in distribution.requires]
    lines += [f"Provides-Extra: {canonicalize_name(extra)}" for extra in distribution.extras]
    (info / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, "", ""]), encoding="utf-8")
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in [*files, f"{info.name}/METADATA"]))
    (info / "INSTALLER").write_text("pip\n")
    (info / "top_level.txt").write_text("".join(f"{name}\n" for name in sorted(_tops(distribution.modules))))


def _files(distribution: Distribution) -> Iterator[str]:
    """What the modules are files of: one that holds others is a package, one in a namespace has no __init__."""
    above = {name.rpartition(".")[0] for name in distribution.modules}
    for name in sorted(distribution.modules - distribution.namespaces):
        path = name.replace(".", "/")
        if name.count(".") <= LEVELS:
            yield f"{path}/__init__.py" if name in above or "." not in name else f"{path}.py"


def _tops(modules: Iterable[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}
