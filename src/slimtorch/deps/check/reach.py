"""What a set of requirements needs, walked once; and what of it would go with one of them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from slimtorch.inventory.needs import Edge, Graph

    _Node: TypeAlias = tuple[str, str]


class Reach:
    """Everything that `roots` need; each question costs about what the one distribution in question brings."""

    __slots__ = ("_before", "_graph", "_own", "_reached", "_starts", "_to", "names")

    def __init__(self, graph: Graph, roots: Mapping[str, Collection[str]]) -> None:
        self._graph = graph
        self._reached = graph.walk(roots)
        self._starts = {node for node, step in self._reached.items() if step is None}
        self._own: defaultdict[str, set[_Node]] = defaultdict(set)
        for start in self._starts:
            self._own[start[0]].add(start)
        self._before: defaultdict[_Node, list[_Node]] = defaultdict(list)
        self._to: defaultdict[str, set[Edge]] = defaultdict(set)
        for node in self._reached:
            for edge in graph.edges(*node):
                self._to[edge.needed].add(edge)
                for extra in ("", *edge.extras):
                    self._before[edge.needed, extra].append(node)
        self.names = frozenset(name for name, _ in self._reached)

    def needers(self, name: str) -> tuple[str, ...]:
        """Who needs `name` without being there for its sake only, by name."""
        found = sorted({edge.needer for edge in self._to.get(name, ())} - {name})
        if found and (lost := self.lost(name)):
            return tuple(one for one in found if one not in lost)
        return tuple(found)

    def lost(self, name: str) -> frozenset[str]:
        """What would no longer be there if `name` were no root: nothing, where another root needs it."""
        starts = self._own.get(name, set())
        below = self._graph.walk({name: [extra for _, extra in starts if extra]}) if starts else {}
        alive = [node for node in below if node not in starts and node in self._starts]
        alive += [node for node in below if any(one not in below for one in self._before.get(node, ()))]
        seen = set(alive)
        while alive:
            for edge in self._graph.edges(*alive.pop()):
                for node in ((edge.needed, extra) for extra in ("", *edge.extras)):
                    if node in below and node not in seen:
                        seen.add(node)
                        alive.append(node)
        return frozenset(other for other, extra in below if not extra and (other, "") not in seen)

    def why(self, name: str) -> tuple[Edge, ...]:
        """A shortest chain from a root to `name`; empty for a root, and where nothing needs it."""
        node: _Node | None = (name, "") if (name, "") in self._reached else None
        chain: list[Edge] = []
        while node is not None and (step := self._reached[node]) is not None:
            edge, node = step
            # An extra of the same distribution is a step of the walk and none of the explanation.
            if edge.needer != edge.needed:
                chain.append(edge)
        return tuple(reversed(chain))
