"""What is installed: the files of the site-packages folders that a distribution lists, and the patterns over them."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.image.tree import Kind
from slimtorch.sources.patterns import matcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from slimtorch.slim.model import Subject

WHEEL = "wheel:"


@dataclass(frozen=True, slots=True)
class Item:
    """A file or link: its path, the same relative to its site-packages folder ('' outside of one), who lists it."""

    path: str
    name: str
    owner: str


@dataclass(frozen=True, slots=True)
class Installed:
    """The files that wheels brought, by path; bytecode by the path of its source, listed or not."""

    items: Mapping[str, Item]
    bytecode: Mapping[str, tuple[str, ...]]
    sites: tuple[str, ...]

    def owners(self) -> frozenset[str]:
        """The canonical names of the distributions that have files here."""
        return frozenset(item.owner for item in self.items.values())

    def matching(self, patterns: Iterable[str], exceptions: Iterable[str] = ()) -> Iterator[Item]:
        """The files whose names match one of the patterns and none of the exceptions (`sources.patterns`)."""
        fits, spared = matcher(patterns), matcher(exceptions)
        return (item for item in self.items.values() if item.name and fits(item.name) and not spared(item.name))


def of(subject: Subject) -> Installed:
    """What is installed in the subject."""
    items: dict[str, Item] = {}
    bytecode: dict[str, tuple[str, ...]] = {}
    for path, node in subject.files.items():
        if node.kind not in {Kind.FILE, Kind.SYMLINK}:
            continue
        owner = subject.owners.get(path, "")
        if owner.startswith(WHEEL):
            items[path] = Item(path, relative(path, subject.sites), owner.removeprefix(WHEEL).partition("==")[0])
        if "/__pycache__/" in path and path.endswith(".pyc"):
            source = source_of(path)
            bytecode[source] = (*bytecode.get(source, ()), path)
    return Installed(items, bytecode, subject.sites)


def relative(path: str, sites: Iterable[str]) -> str:
    """The path from the site-packages folder that holds it; '' outside of all."""
    return next((path[len(site) + 1 :] for site in sites if path.startswith(f"{site}/")), "")


def source_of(path: str) -> str:
    """The source of a file of bytecode (PEP 3147): ``a/__pycache__/b.cpython-311.pyc`` → ``a/b.py``."""
    folder, name = posixpath.split(path)
    return f"{posixpath.dirname(folder)}/{name.partition('.')[0]}.py"


def chosen(patterns: Mapping[str, str], sites: tuple[str, ...]) -> Callable[[str], str | None]:
    """From a path to the user's reason, by the first of the user's patterns that fits; None where none does.

    Patterns that start with a slash are paths from the root, the others from a site-packages folder.
    """
    rows = [(pattern.startswith("/"), matcher([pattern]), reason) for pattern, reason in patterns.items()]

    def reason_of(path: str) -> str | None:
        name = relative(path, sites)
        fits = (
            reason
            for rooted, match, reason in rows
            if (rooted and match(path)) or (not rooted and name and match(name))
        )
        return next(fits, None)

    return reason_of
