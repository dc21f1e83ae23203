"""Which modules are imported when the service imports what it imports: a graph of all sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.slim.passes.test_folders import folder_of
from slimtorch.sources.patterns import matcher

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from slimtorch.slim.passes.python import Source


class Graph:
    """The sources by module, tests and `unreached` ones (patterns) left out.

    `known` are distributions whose late (indented) imports are left out of account.
    """

    def __init__(self, sources: Iterable[Source], known: Collection[str], unreached: Iterable[str]) -> None:
        dead = matcher(unreached)
        living = (one for one in sources if not one.name or not (folder_of(one.name) or dead(one.name)))
        self._sources = {source.module: source for source in living}
        self._known = frozenset(known)

    def walk(self, roots: Iterable[str], without: Collection[str], *, late: bool) -> Mapping[str, str]:
        """Every module that is reached, with who imports it ('' for a root).

        The service's own sources and those of all distributions that are not known are where it starts, besides the
        `roots`; sources at the paths `without` are not read. `late` says whether indented imports of distributions
        count; those of the service do.
        """
        found: dict[str, str] = {}
        waiting: list[str] = []

        def reach(names: Iterable[str], importer: str) -> None:
            for name in names:
                for module in above(name):
                    if module not in found:
                        found[module] = importer
                        waiting.append(module)

        reach(roots, "")
        for source in self._sources.values():
            if source.path not in without and source.owner not in self._known:
                reach(source.imports if late or not source.owner else source.plain, source.module)
        while waiting:
            next_one = self._sources.get(waiting.pop())
            if next_one is not None and next_one.path not in without:
                reach(next_one.plain, next_one.module)
        return found

    def holder(self, words: Collection[str]) -> str:
        """Which source of the service, or of a distribution that is not known, holds one of the words; '' for none."""
        for source in self._sources.values():
            if source.owner not in self._known and not source.words.isdisjoint(words):
                return f"{source.name or source.path} speaks of {min(source.words & frozenset(words))}"
        return ""

    def importers(self, modules: Collection[str], without: Collection[str]) -> Iterator[Source]:
        """The sources of known distributions that import one of the modules without being late about it."""
        for source in self._sources.values():
            if source.path in without or source.owner not in self._known:
                continue
            if any(module in modules for name in source.plain for module in above(name)):
                yield source


def above(name: str) -> Iterator[str]:
    """The module and the packages that it is in: all of them run when it is imported."""
    while name:
        yield name
        name = name.rpartition(".")[0]
