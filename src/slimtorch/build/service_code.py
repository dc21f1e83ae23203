"""The code of a configured project: what goes into the image is the service's, whatever else lies beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.inventory import code, compilers
from slimtorch.inventory.code import INTERESTS, Scope
from slimtorch.inventory.code.model import Role
from slimtorch.project.facts import facts
from slimtorch.sources import app

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from slimtorch.inventory.code.model import Code
    from slimtorch.project.facts import Named
    from slimtorch.project.lock import LockedWheel
    from slimtorch.project.model import Project


def scope(project: Project) -> Scope:
    """Where the project's imports are looked up, and which of its files go into the image.

    Raises:
        MachineError: a folder cannot be read.
    """
    workdir = project.service.workdir.as_posix().strip("/")
    folders = [folder.as_posix().strip("/") for folder in project.app.python_path]
    roots = (folder.removeprefix(workdir).strip("/") for folder in folders if folder.startswith(workdir))
    ships = frozenset(app.paths(project)).__contains__
    return Scope(roots=tuple(dict.fromkeys(("", "src", *roots))), ships=ships, python=project.python)


def read(project: Project, interests: Collection[str] = INTERESTS) -> Code:
    """What the project's source files say.

    Raises:
        MachineError: a folder cannot be read.
    """
    return code.read(project.root, scope(project), interests)


def compiles(code: Code, wheels: Collection[Named]) -> frozenset[str]:
    """The tools that the service compiles with while it runs, as `tables.compilers` names them."""
    names = {wheel.name for wheel in wheels}
    return frozenset(compilers.tools(compilers.compilations(code, names, facts(wheels).device)))


def used(code: Code) -> list[list[str]]:
    """What the service itself imports and refers to: what of its code may decide what is left of its packages."""
    found = {(str(one.form), one.module, *one.names) for one in code.imports if one.role is Role.SERVICE}
    found |= {("", one.name, *(one.arguments or ())) for one in code.references if one.role is Role.SERVICE}
    return [["computed", str(len(code.computed))], *sorted(map(list, found))]


def compiler_notes(
    project: Project, wheels: Collection[LockedWheel], code: Callable[[], Code] | None = None
) -> Iterator[str]:
    """What to say where the service compiles code while it runs, and the image will not hold what it compiles with."""
    names = {wheel.name for wheel in wheels}
    if project.os.base or not compilers.may_compile(names):
        return
    found = compilers.compilations(code() if code else read(project), names, facts(wheels).device)
    needed = compilers.tools(found)
    missing = [name for name in compilers.packages(needed, project.python) if name not in project.os.packages]
    if not missing:
        return
    places = ", ".join(f"{one.name} ({one.location.path}:{one.location.line})" for one in found if one.tools)
    listed = ", ".join(f'"{name}"' for name in (*project.os.packages, *missing))
    yield f"compiled while the service runs: {places}; the image needs more for it: [os] packages = [{listed}]"
