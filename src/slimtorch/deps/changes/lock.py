"""What a refresh of the lock changes, in bytes, and why: which package brought what in, by which change of its own.

The causes are read from the METADATA of the old and the new wheels (Requires-Dist and PEP 508 markers).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from slimtorch.deps.changes import markers as marker_changes
from slimtorch.deps.changes.markers import complete, extras, holds
from slimtorch.inventory.needs import Graph
from slimtorch.project.lock import LockedWheel
from slimtorch.project.sizes import signed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from slimtorch.inventory.distributions import Distribution
    from slimtorch.inventory.needs import Edge
    from slimtorch.project.declared.model import Declared
    from slimtorch.project.lock import LockedDeb, LockedPlatform

    Distributions = Mapping[str, Distribution]
    File = LockedWheel | LockedDeb


@dataclass(frozen=True, slots=True)
class Change:
    """One package that differs. The version is '' and the size 0, in bytes, where there is none; `why` may be ''."""

    name: str
    old: str
    new: str
    old_size: int
    new_size: int
    wheel: bool = True
    why: str = ""

    @property
    def size(self) -> int:
        """Bytes that it adds."""
        return self.new_size - self.old_size


@dataclass(frozen=True, slots=True)
class Cause:
    """What brought packages in, or took them out: `text` in a few words, `detail` with the lines that changed.

    `size` are the bytes of those packages, less than zero where they go; `names` are those packages.
    """

    text: str
    detail: str
    size: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that differs for one platform, the largest first, and the causes."""

    rows: tuple[Change, ...] = ()
    causes: tuple[Cause, ...] = ()

    @property
    def size(self) -> int:
        """Bytes that the refresh adds to the download."""
        return sum(row.size for row in self.rows)

    @property
    def counts(self) -> str:
        """How many packages came, went and changed, with the largest: ``17 new, 1 changed, most of it torch``."""
        new = sum(1 for row in self.rows if not row.old)
        gone = sum(1 for row in self.rows if not row.new)
        parts = ((new, "new"), (gone, "gone"), (len(self.rows) - new - gone, "changed"))
        return ", ".join(f"{count} {what}" for count, what in parts if count) + f", most of it {self.rows[0].name}"

    @property
    def summary(self) -> str:
        """The refresh in one line: ``+2.7 GB: torch 2.10 → 2.12 changed its arm64 marker``; '' for none."""
        if not self.rows:
            return ""
        large = [cause for cause in self.causes if abs(cause.size) * 10 > abs(self.causes[0].size)]
        told = "; ".join(cause.text for cause in large[:2])
        if not told and (row := self.rows[0]).old and row.new:
            told = f"{row.name} {row.old} → {row.new}"
        return signed(self.size) + (f": {told}" if told else "")


def compare(
    old: LockedPlatform,
    new: LockedPlatform,
    old_distributions: Distributions,
    new_distributions: Distributions,
    environment: Mapping[str, str],
    declared: Sequence[Declared] = (),
) -> Changes:
    """What differs between two locks of one platform. Where metadata is missing, sizes are told without causes.

    `declared` is what the project requires now, for production.
    """
    rows = {row.name: row for row in (*_rows(old.wheels, new.wheels), *_rows(old.debs, new.debs))}
    asked = [one for one in declared if not one.marker or holds(one.marker, environment)]
    sides = _Sides(rows, _known(old_distributions), _known(new_distributions), dict(environment), asked)
    found: dict[str, list[str]] = {}
    told: dict[str, Change] = {}
    for name, row in rows.items():
        if row.wheel and not (row.old and row.new):
            text, detail = sides.cause(row)
            told[name] = replace(row, why=detail or text)
            if text:
                found.setdefault(text, []).append(name)
    causes = [
        Cause(text, told[names[0]].why, sum(rows[name].size for name in names), tuple(sorted(names)))
        for text, names in found.items()
    ]
    ordered = sorted((told.get(name, row) for name, row in rows.items()), key=lambda row: (-abs(row.size), row.name))
    return Changes(tuple(ordered), tuple(sorted(causes, key=lambda cause: (-abs(cause.size), cause.text))))


def _known(distributions: Distributions) -> Distributions:
    return {name: one for name, one in distributions.items() if not one.assumed}


def _rows(old: Iterable[File], new: Iterable[File]) -> Iterable[Change]:
    before, after = {file.name: file for file in old}, {file.name: file for file in new}
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was and now and (was.version, was.sha256) == (now.version, now.sha256):
            continue
        yield Change(
            name,
            was.version if was else "",
            now.version if now else "",
            was.size if was else 0,
            now.size if now else 0,
            wheel=isinstance(now or was, LockedWheel),
        )


@dataclass(slots=True)
class _Sides:
    """Both locks as graphs, and the way from a package that came or went to the change that did it."""

    rows: Mapping[str, Change]
    old: Distributions
    new: Distributions
    environment: dict[str, str]
    declared: Sequence[Declared]
    _graphs: dict[bool, Graph] = field(default_factory=dict)

    def cause(self, row: Change) -> tuple[str, str]:
        """Why this package came or went: in a few words, and with the line; '' for what is not known."""
        came = bool(row.new)
        if came and (line := self._written(row.name)):
            place = line.location
            where = f"{place.path}:{place.line}" if place.line else place.path
            return f"the project asks for {row.name} ({where})", ""
        origin = self._origin(row.name, came=came)
        if origin is None:
            here = self.new if came else self.old
            known = row.name in here and len(here) > 1
            verb = "asks for" if came else "asks no longer for"
            return (f"the project {verb} {row.name}", "") if known else ("", "")
        return self._told(origin, came=came)

    def _graph(self, *, came: bool) -> Graph:
        if came not in self._graphs:
            self._graphs[came] = Graph(self.new if came else self.old, self.environment)
        return self._graphs[came]

    def _origin(self, name: str, *, came: bool) -> Edge | None:
        """The step at which the change began: upwards past the packages that came or went themselves."""
        last, seen = None, {name}
        while edge := self._needer(name, seen, came=came):
            last, name = edge, edge.needer
            seen.add(name)
            row = self.rows.get(name)
            if row is None or (row.old and row.new) or (came and self._written(name)):
                break
        return last

    def _written(self, name: str) -> Declared | None:
        """The line by which a person asks for it now."""
        return next((one for one in self.declared if one.name == name and not one.via), None)

    def _asked(self, name: str) -> frozenset[str]:
        """The extras that the project asks of it now."""
        return frozenset(extra for one in self.declared if one.name == name for extra in one.extras)

    def _needer(self, name: str, seen: set[str], *, came: bool) -> Edge | None:
        """Who needs it; one that was there before and after comes first, as that is where the cause lies."""
        graph = self._graph(came=came)
        # What the project asked for when the old lock was made is not known.
        roots = {one.name: self._asked(one.name) for one in self.declared} if came else {}
        edges = [edge for edge in graph.needers(name, roots) if edge.needer not in seen]
        return min(edges or self._likely(name, seen, came=came), key=self._order, default=None)

    def _likely(self, name: str, seen: set[str], *, came: bool) -> list[Edge]:
        """Who may need it, where the roots are not known: with an extra only if all that this brings is there."""
        graph, here = self._graph(came=came), self.new if came else self.old
        return [
            edge
            for needer, one in here.items()
            if needer not in seen
            for extra in sorted({"", *one.extras, *(extra for line in one.requires for extra in extras(line))})
            if not extra or complete(one.requires, extra, here, self.environment)
            for edge in graph.edges(needer, extra)
            if edge.needed == name
        ]

    def _order(self, edge: Edge) -> tuple[bool, bool, str]:
        row = self.rows.get(edge.needer)
        return (row is None or not (row.old and row.new), bool(edge.extra), edge.needer)

    def _told(self, edge: Edge, *, came: bool) -> tuple[str, str]:
        row = self.rows.get(edge.needer)
        if row is None:
            return f"{edge.needer} is asked for with other extras", f"{edge.needer} needs {edge.line}"
        if not (row.old and row.new):
            what = "is new and brings" if came else "is gone and took with it"
            version = row.new or row.old
            return f"{edge.needer} {version} {what} what it needs", f"{edge.needer} {version} needs {edge.line}"
        versions = f"{edge.needer} {row.old} → {row.new}"
        other = (self.old if came else self.new).get(edge.needer)
        if other is None:
            age = "old" if came else "new"
            return f"{versions} needs other packages", f"{versions}: its {age} metadata is not at hand"
        text, detail = marker_changes.told(edge, other.requires, self.environment, came=came)
        return f"{versions} {text}", f"{versions}: {detail}"
