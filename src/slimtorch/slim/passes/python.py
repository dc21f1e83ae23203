"""Every Python source of a tree but the standard library's, read once: imports, and the words that rules ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING

from slimtorch.image.tree import Kind
from slimtorch.slim.passes.imports import of_source
from slimtorch.slim.passes.installed import WHEEL, relative
from slimtorch.slim.passes.needles import Needles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from slimtorch.inventory.files import Node
    from slimtorch.slim.model import Subject

LARGEST = 16 << 20
"""Bytes of a source above which it is not read."""
_STANDARD = re.compile(r"(?:.*/)?lib(?:64)?/python3[^/]*/(?!(?:site|dist)-packages/)")
_QUOTED = re.compile(rb"tests?(?=[\"'/.])")
_TEXT = re.compile(rb"[\"']([\w./-]*)\Z")
_TEXT_REACH = 120


@dataclass(frozen=True, slots=True)
class Source:
    """One file. `name` is relative to site-packages ('' for files of the service), `owner` the distribution or ''.

    `plain` are the modules that unindented statements import, `imports` those of all statements; `texts` are quoted
    texts that lead to a folder of tests, `words` the words asked for that it holds.
    """

    path: str
    name: str
    module: str
    owner: str
    plain: frozenset[str]
    imports: frozenset[str]
    texts: frozenset[str]
    words: frozenset[str]


def sources(subject: Subject, words: Iterable[str]) -> dict[str, Source]:
    """The sources by path, with those of the `words` that each holds."""
    needles = Needles(words)
    return {
        path: _source(subject, path, node, needles)
        for path, node in subject.files.items()
        if path.endswith(".py") and _is_read(path, node, subject)
    }


def _is_read(path: str, node: Node, subject: Subject) -> bool:
    if node.kind is not Kind.FILE or node.open is None or node.size > LARGEST:
        return False
    return not _STANDARD.match(path) and subject.owners.get(path, WHEEL).startswith(WHEEL)


def _source(subject: Subject, path: str, node: Node, needles: Needles) -> Source:
    name = relative(path, subject.sites)
    module, package = module_of(name or path)
    assert node.open is not None  # noqa: S101  (`_is_read`)
    with node.open() as stream:
        data = stream.read(LARGEST)
    plain: set[str] = set()
    every: set[str] = set()
    for one in of_source(data, module, package=package):
        names = [intern(found) for found in one.names]
        every.update(names)
        if one.plain:
            plain.update(names)
    owner = subject.owners.get(path, "").removeprefix(WHEEL).partition("==")[0]
    texts = frozenset(_texts(data)) if b"test" in data else frozenset()
    hits = frozenset(map(intern, needles.found(data)))
    return Source(path, name, module, owner, frozenset(plain), frozenset(every), texts, hits)


def module_of(name: str) -> tuple[str, bool]:
    """The dotted name of the module in a file below site-packages, and whether it is a package's ``__init__``."""
    parts = name.removesuffix(".py").split("/")
    package = parts[-1] == "__init__"
    return ".".join(parts[:-1] if package else parts), package


def _texts(data: bytes) -> Iterator[str]:
    """Quoted texts up to their last ``test`` or ``tests``: ``"tests"``, ``"data/tests/``, ``"numpy.tests``."""
    for match in _QUOTED.finditer(data):
        before = _TEXT.search(data, max(0, match.start() - _TEXT_REACH), match.start())
        if before and (not before[1] or before[1][-1:] in b"./"):
            yield (before[1] + match[0]).decode("ascii", "replace").replace(".", "/").strip("/")
