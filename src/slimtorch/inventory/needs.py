"""What a distribution needs, and who needs it: the graph that ``Requires-Dist`` draws, markers decided for a target."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from slimtorch.inventory.distributions import Distribution

    Roots: TypeAlias = Mapping[str, Collection[str]]
    """Distributions by canonical name, each with the extras that are asked of it."""
    _Node: TypeAlias = tuple[str, str]
    """A distribution, and one of its extras or ''."""

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")


@dataclass(frozen=True, slots=True)
class Edge:
    """One distribution needs another: by this line of its METADATA, under this marker, for this extra of its own.

    `marker` is '' where there is none, `extra` where the line holds without one; `extras` are those asked of `needed`.
    """

    needer: str
    needed: str
    line: str
    marker: str = ""
    extra: str = ""
    extras: frozenset[str] = frozenset()


def environment(python: str = "3.11", machine: str = "x86_64") -> dict[str, str]:
    """The values of markers (PEP 508) for CPython of this minor version on Linux."""
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }


class Graph:
    """The distributions of one lock and what they need of each other; each marker is decided once."""

    __slots__ = ("_distributions", "_edges", "_environment")

    def __init__(self, distributions: Mapping[str, Distribution], environment: Mapping[str, str]) -> None:
        self._distributions = distributions
        self._environment = dict(environment)
        self._edges: dict[_Node, tuple[Edge, ...]] = {}

    def edges(self, name: str, extra: str = "") -> tuple[Edge, ...]:
        """What it needs of the distributions that are there: always, and with `extra` what that adds."""
        node = (name, canonicalize_name(extra) if extra else "")
        if node not in self._edges:
            self._edges[node] = tuple(self._decide(*node)) if name in self._distributions else ()
        return self._edges[node]

    def closure(self, roots: Roots) -> frozenset[str]:
        """The roots and everything that they need, directly or not."""
        return frozenset(name for name, _ in self.walk(roots))

    def alone(self, name: str, roots: Roots) -> frozenset[str]:
        """What would go if the root `name` went: nothing, where another root needs it; else itself and more."""
        others = {root: extras for root, extras in roots.items() if root != name}
        return self.closure(roots) - self.closure(others)

    def needers(self, name: str, roots: Roots) -> tuple[Edge, ...]:
        """Every edge that leads to `name` from what the roots need, by the needer's name."""
        found = {edge for node in self.walk(roots) for edge in self.edges(*node) if edge.needed == name}
        return tuple(sorted(found, key=lambda edge: (edge.needer, edge.extra, edge.line)))

    def why(self, name: str, roots: Roots) -> tuple[Edge, ...]:
        """A shortest chain from a root to `name`; empty for a root, and where nothing needs it."""
        reached = self.walk(roots)
        node = next((node for node in reached if node[0] == name), None)
        chain: list[Edge] = []
        while node is not None and (step := reached[node]) is not None:
            edge, node = step
            # An extra of the same distribution is a step of the walk and none of the explanation.
            if edge.needer != edge.needed:
                chain.append(edge)
        return tuple(reversed(chain))

    def walk(self, roots: Roots) -> dict[_Node, tuple[Edge, _Node] | None]:
        """Every distribution and extra that is reached, the nearest first, with the step that led there."""
        starts = [(name, extra) for name, extras in roots.items() for extra in ("", *map(canonicalize_name, extras))]
        reached: dict[_Node, tuple[Edge, _Node] | None]
        reached = {node: None for node in starts if node[0] in self._distributions}
        waiting = deque(reached)
        while waiting:
            node = waiting.popleft()
            for edge in self.edges(*node):
                for extra in ("", *sorted(edge.extras)):
                    if (edge.needed, extra) not in reached:
                        reached[edge.needed, extra] = (edge, node)
                        waiting.append((edge.needed, extra))
        return reached

    def _decide(self, name: str, extra: str) -> Iterator[Edge]:
        for line in self._distributions[name].requires:
            read = _read(line)
            if read is None or read.name not in self._distributions:
                continue
            always = self._holds(read, "")
            if always or (extra and self._holds(read, extra)):
                yield Edge(name, read.name, line, read.marker, "" if always else extra, read.extras)

    def _holds(self, read: _Line, extra: str) -> bool:
        marker = read.requirement.marker if read.requirement else None
        try:
            return marker is None or marker.evaluate({**self._environment, "extra": extra})
        except (UndefinedComparison, UndefinedEnvironmentName):
            return True


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    requirement: Requirement | None = None
    marker: str = ""
    extras: frozenset[str] = frozenset()


@lru_cache(maxsize=1 << 16)
def _read(line: str) -> _Line | None:
    """The line as far as it can be understood: of one that old tools wrote wrongly, the name is enough to keep it."""
    try:
        requirement = Requirement(line)
    except (InvalidRequirement, RecursionError):
        match = _NAME.match(line)
        return _Line(canonicalize_name(match[1])) if match else None
    extras = frozenset(canonicalize_name(extra) for extra in requirement.extras)
    return _Line(canonicalize_name(requirement.name), requirement, str(requirement.marker or ""), extras)
