"""Code, declarations and distributions, laid beside each other once; what is judged is judged from here."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName
from packaging.utils import canonicalize_name

from slimtorch.inventory.code.model import Form, Role
from slimtorch.inventory.distributions import Distribution, Owners
from slimtorch.inventory.needs import Graph, environment
from slimtorch.project.declared.model import PRODUCTION
from slimtorch.tables import dependencies as tables
from slimtorch.tables import import_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from slimtorch.deps.model import Evidence
    from slimtorch.findings import Location
    from slimtorch.inventory.code.model import Code, Import
    from slimtorch.project.declared.model import Declared

NO_EXTRAS: frozenset[str] = frozenset()
EXTRA = "extra:"


@dataclass(slots=True)
class Uses:
    """The imports of one distribution, by what they tell."""

    service: list[Import] = field(default_factory=list)
    typing: list[Import] = field(default_factory=list)
    tests: list[Import] = field(default_factory=list)
    development: list[Import] = field(default_factory=list)

    def add(self, one: Import) -> None:
        """Files the import under the part of the project that makes it."""
        if one.role is Role.TESTS:
            self.tests.append(one)
        elif one.role is Role.DEVELOPMENT:
            self.development.append(one)
        elif one.form is Form.TYPING:
            self.typing.append(one)
        else:
            self.service.append(one)

    @property
    def demanded(self) -> list[Import]:
        """The imports that fail the service where nothing brings them: a text or a caught failure is none."""
        return [one for one in self.service if one.form not in {Form.OPTIONAL, Form.STRING}]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a judgement looks at.

    `known` are the distributions, assumed ones where nothing was read. `wanted` are the names that production
    declares, with their extras; `elsewhere` those of them whose markers hold on another platform only, with the
    marker. `chosen` are the names of extras that a user of the project may choose. `unowned` are imports that no
    distribution brings.
    """

    evidence: Evidence
    known: Mapping[str, Distribution]
    graph: Graph
    declared: Mapping[str, tuple[Declared, ...]]
    wanted: Mapping[str, frozenset[str]]
    elsewhere: Mapping[str, str]
    chosen: Mapping[str, frozenset[str]]
    uses: Mapping[str, Uses]
    unowned: tuple[Import, ...]

    @property
    def code(self) -> Code:
        """What the source tree says."""
        return self.evidence.code

    def of(self, name: str) -> Uses:
        """The imports of one distribution."""
        return self.uses.get(name) or Uses()

    def groups(self, name: str) -> tuple[str, ...]:
        """The groups that declare the name, production left out."""
        return tuple(dict.fromkeys(one.group for one in self.declared.get(name, ()) if one.group != PRODUCTION))

    def in_production(self, name: str) -> tuple[Declared, ...]:
        """Its declarations for production."""
        return tuple(one for one in self.declared.get(name, ()) if one.group == PRODUCTION)


def lay(evidence: Evidence) -> Facts:
    """The facts of one project."""
    declared: defaultdict[str, list[Declared]] = defaultdict(list)
    for one in evidence.declarations.items:
        if one.name != evidence.declarations.own:
            declared[one.name].append(one)
    assumed = {name: _assumed(name) for name in declared if name not in evidence.distributions}
    known = {**assumed, **evidence.distributions}
    target = environment(evidence.python)
    production = {name: [one for one in rows if one.group == PRODUCTION] for name, rows in declared.items()}
    wanted, elsewhere = _decided(production, target)
    uses, unowned = _by_owner(evidence, known, declared)
    return Facts(
        evidence=evidence,
        known=known,
        graph=Graph(known, target),
        declared={name: tuple(rows) for name, rows in declared.items()},
        wanted=wanted,
        elsewhere=elsewhere,
        chosen=_chosen(declared),
        uses=uses,
        unowned=unowned,
    )


def spoken(distribution: Distribution) -> frozenset[str]:
    """What a distribution is called outside the code: by its own name, its modules and its commands."""
    modules = {module.partition(".")[0] for module in distribution.modules}
    commands = {point.name for point in distribution.entry_points if point.group in {"console_scripts", "gui_scripts"}}
    whole = {distribution.name, distribution.name.replace("-", "_"), *modules, *commands}
    family = {"jupyter"} if distribution.name.startswith(("jupyter", "notebook", "nb")) else set()
    return frozenset(whole | family | {module for module in distribution.modules if module.count(".") == 1})


def place(location: Location) -> str:
    """``serve.py:3``."""
    return f"{location.path}:{location.line}" if location.line else location.path


def _assumed(name: str) -> Distribution:
    return Distribution(name, "", import_names.assumed(name), assumed=True)


def _decided(
    production: Mapping[str, list[Declared]], target: Mapping[str, str]
) -> tuple[dict[str, frozenset[str]], dict[str, str]]:
    wanted: dict[str, frozenset[str]] = {}
    elsewhere: dict[str, str] = {}
    for name, rows in production.items():
        held = [one for one in rows if _holds(one.marker, target)]
        if held:
            wanted[name] = frozenset(canonicalize_name(extra) for one in held for extra in one.extras)
        elif rows:
            elsewhere[name] = rows[0].marker
    return wanted, elsewhere


def _holds(marker: str, target: Mapping[str, str]) -> bool:
    try:
        return not marker or Marker(marker).evaluate({**target, "extra": ""})
    except (InvalidMarker, UndefinedEnvironmentName):
        return True


def _chosen(declared: Mapping[str, Iterable[Declared]]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for name, rows in declared.items():
        extras = [one for one in rows if one.group.startswith(EXTRA)]
        if any(not tables.is_development_extra(one.group.removeprefix(EXTRA)) for one in extras):
            found[name] = frozenset(canonicalize_name(extra) for one in extras for extra in one.extras)
    return found


def _by_owner(
    evidence: Evidence, known: Mapping[str, Distribution], declared: Mapping[str, object]
) -> tuple[dict[str, Uses], tuple[Import, ...]]:
    owners = Owners(known)
    spoken_of: defaultdict[str, set[str]] = defaultdict(set)
    for name in declared:
        for word in spoken(known[name]) - {"jupyter"}:
            spoken_of[word].add(name)
    uses: defaultdict[str, Uses] = defaultdict(Uses)
    found: dict[tuple[str, tuple[str, ...]], frozenset[str]] = {}
    unowned = []
    for one in evidence.code.imports:
        if (key := (one.module, one.names)) not in found:
            found[key] = owners.of(*key)
        names = set(found[key])
        if one.form is Form.STRING:
            names |= spoken_of.get(one.module, set()) | spoken_of.get(one.module.replace("_", "-"), set())
        for name in names - {evidence.declarations.own}:
            uses[name].add(one)
        if not names:
            unowned.append(one)
    return dict(uses), tuple(unowned)
