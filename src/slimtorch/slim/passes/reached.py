"""What of an installation counts as used beyond what a trace saw: what code names, and what libraries need."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from slimtorch.inventory.code.model import Form, Role
from slimtorch.slim.passes import imports
from slimtorch.slim.trace import module_of, source_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from slimtorch.inventory.code.model import Code
    from slimtorch.slim.model import Subject

SOURCE_LIMIT = 8_000_000
"""Bytes above which a module is not read for its imports."""


def named_by(code: Code | None) -> frozenset[str]:
    """The modules that the service itself imports somewhere, dotted, with those that may be names taken from one."""
    found: set[str] = set()
    for one in code.imports if code else ():
        if one.role is Role.SERVICE and one.form not in {Form.TYPING, Form.STRING}:
            found |= {one.module, *(f"{one.module}.{name}" for name in one.names)}
    return frozenset(found)


def modules(inside: Mapping[str, str]) -> dict[str, str]:
    """The path of each module; `inside` gives paths relative to their site-packages folders. A source comes first."""
    found: dict[str, str] = {}
    for path, name in inside.items():
        module = module_of(name) if source_of(path) == path else ""
        if module and (path.endswith(".py") or module not in found):
            found[module] = path
    return found


def with_imports(subject: Subject, first: Iterable[str], known: Mapping[str, str]) -> frozenset[str]:
    """The paths of the modules in `first` (dotted), of their packages, and of all that they import at the top level."""
    todo, found = [name for one in first for name in _and_packages(one) if name in known], set[str]()
    seen = set(todo)
    while todo:
        module = todo.pop()
        found.add(path := known[module])
        for name in _plain_imports(subject, path, module):
            for other in _and_packages(name):
                if other in known and other not in seen:
                    seen.add(other)
                    todo.append(other)
    return frozenset(found)


def _and_packages(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _plain_imports(subject: Subject, path: str, module: str) -> Iterator[str]:
    node = subject.files[path]
    if not path.endswith(".py") or node.open is None or node.size > SOURCE_LIMIT:
        return
    with node.open() as stream:
        data = stream.read(SOURCE_LIMIT)
    for found in imports.of_source(data, module, package=path.endswith("/__init__.py")):
        if found.plain:
            yield from found.names


def needed(subject: Subject, first: Iterable[str]) -> frozenset[str]:
    """The libraries that the libraries in `first` need, and those need (DT_NEEDED), by whatever path they are found."""
    names: dict[str, list[str]] = {}
    for path, facts in subject.binaries.items():
        for name in {posixpath.basename(path), facts.soname} - {""}:
            names.setdefault(name, []).append(path)
    todo, found = [path for path in first if path in subject.binaries], set[str]()
    while todo:
        for soname in subject.binaries[todo.pop()].needed:
            for path in names.get(posixpath.basename(soname), ()):
                if path not in found:
                    found.add(path)
                    todo.append(path)
    return frozenset(found)
