"""Why CUDA is among the packages of a service: the chain from a line of the user's down to the part of CUDA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.inventory.needs import Graph

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from slimtorch.inventory.distributions import Distribution
    from slimtorch.inventory.needs import Edge
    from slimtorch.project.declared.model import Declared

SHOWN = 3
"""Chains that are told; the rest is counted."""


def reasons(
    found: Sequence[str],
    distributions: Mapping[str, Distribution],
    declared: Sequence[Declared],
    environment: Mapping[str, str],
) -> tuple[str, ...]:
    """How each of the packages `found` came in: a sentence a step, from the line that asks for its first cause.

    ``requirements.txt:3 asks for torch`` and ``torch==2.14.1 needs nvidia-cublas==13.*; platform_system == "Linux"``.
    Packages that one distribution brings share a chain. Where no line is known, it starts with that distribution.
    """
    graph = Graph(distributions, environment)
    roots = {one.name: one.extras for one in declared} or _roots(distributions, graph)
    lines = {one.name: one for one in reversed(declared)}
    chains: dict[tuple[str, ...], list[str]] = {}
    for name in found:
        if name not in distributions or name == "torch":
            continue
        steps = _until(graph.why(name, roots), set(found))
        start = steps[0].needer if steps else name
        told = (*_asked(start, lines), *(_step(edge, distributions) for edge in steps[:-1]))
        chains.setdefault((*told, steps[-1].needer if steps else ""), []).append(
            _step(steps[-1], distributions) if steps else ""
        )
    return tuple(_sentences(chains))


def _sentences(chains: Mapping[tuple[str, ...], Sequence[str]]) -> Iterable[str]:
    ordered = sorted(chains.items(), key=lambda chain: -len(chain[1]))
    told: dict[str, None] = {}
    for (*before, _), brought in ordered[:SHOWN]:
        steps = list(dict.fromkeys(filter(None, brought)))
        told.update(dict.fromkeys(before))
        if steps:
            told[steps[0] + (f", and {len(steps) - 1} more like it" if len(steps) > 1 else "")] = None
    yield from told
    if len(ordered) > SHOWN:
        yield f"and {len(ordered) - SHOWN} other ways"


def _until(chain: Sequence[Edge], found: set[str]) -> list[Edge]:
    """The chain up to the first step into CUDA: what its parts need of each other explains nothing."""
    steps = []
    for edge in chain:
        steps.append(edge)
        if edge.needed in found and edge.needed != "torch":
            break
    return steps


def _asked(name: str, lines: Mapping[str, Declared]) -> list[str]:
    if (line := lines.get(name)) is None:
        return []
    place = line.location
    where = f"{place.path}:{place.line}" if place.line else place.path
    return [f"{where} asks for {line.text}"]


def _step(edge: Edge, distributions: Mapping[str, Distribution]) -> str:
    return f"{edge.needer}=={distributions[edge.needer].version} needs {' '.join(edge.line.split())}"


def _roots(distributions: Mapping[str, Distribution], graph: Graph) -> dict[str, frozenset[str]]:
    """What nothing else needs, where the user's own lines are not known."""
    needed = {edge.needed for name in distributions for edge in graph.edges(name)}
    return {name: frozenset() for name in distributions if name not in needed}
