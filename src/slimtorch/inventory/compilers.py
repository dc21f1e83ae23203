"""Does the service compile code while it runs? A verdict with evidence, and what follows for the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.inventory.code.model import Form, Role
from slimtorch.tables import compilers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from slimtorch.findings import Location
    from slimtorch.inventory.code.model import Code
    from slimtorch.tables.compilers import Compiles


@dataclass(frozen=True, slots=True)
class Compilation:
    """One thing that compiles at run time: `tools` as the table names them; none where it carries its compiler."""

    name: str
    location: Location
    tools: tuple[str, ...]
    why: str


def compilations(code: Code, distributions: Collection[str], device: str = "") -> tuple[Compilation, ...]:
    """Everything in the service's own code that compiles while it runs, each name once, at its first place.

    `device` is ``cpu``, or anything else for a GPU; `distributions` are the canonical names that the image holds.
    """
    where = "cpu" if device == "cpu" else "cuda"
    first: dict[str, Compilation] = {}
    for row, location in _found(code):
        if row.unless.isdisjoint(distributions):
            first.setdefault(row.name, Compilation(row.name, location, row.needs[where], row.why))
    return tuple(sorted(first.values(), key=lambda one: (one.location.path, one.location.line, one.name)))


def may_compile(distributions: Collection[str]) -> bool:
    """Whether one of these distributions is known to compile at run time; where none is, no code need be read."""
    modules = {name.partition(".")[0] for name in (*compilers.references(), *compilers.modules())}
    return any(name.replace("-", "_") in modules for name in distributions)


def tools(found: Iterable[Compilation]) -> tuple[str, ...]:
    """The tools that these need together, in the order of the table."""
    needed = {tool for one in found for tool in one.tools}
    return tuple(name for name in compilers.tools() if name in needed)


def packages(needed: Iterable[str], python: str) -> tuple[str, ...]:
    """The Debian packages that bring these tools for Python `python`; what Debian does not have is not among them."""
    known = compilers.tools()
    return tuple(name.format(python=python) for tool in needed for name in known[tool].debian)


def _found(code: Code) -> Iterator[tuple[Compiles, Location]]:
    references, modules = compilers.references(), compilers.modules()
    for reference in code.references:
        row = references.get(reference.name)
        if row and reference.role is Role.SERVICE and row.harmless.isdisjoint(reference.arguments or ()):
            yield row, reference.location
    for used in code.imports:
        if used.role is Role.SERVICE and used.form is not Form.TYPING and used.top in modules:
            yield modules[used.top], used.location
