"""The corpus: projects, the answers that are true for a person who reads them, and facts of what they depend on.

A case is a folder with ``project/`` and one or more ``expected*.toml``:

- ``about`` says what the project is there for; ``root`` is the folder below ``project/`` that is asked about, where it
  is not the whole.
- ``[production]`` has the verdict of every requirement of production, ``[groups.NAME]`` those of the others. A list
  means that each of its verdicts is right.
- ``[undeclared]`` and ``[missing]`` have the distributions and modules that are imported and not declared, with the
  file and line that says so.
- ``[skipped]`` has the files that cannot be read or do not count, and why.
- ``either`` lists imports that may be called undeclared or not.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slimtorch.inventory.distributions import Distribution, EntryPoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HERE = Path(__file__).parent
FACTS = HERE / "distributions.json"
UNNEEDED = frozenset(("unused", "development", "tests"))
"""The verdicts of requirements that production does without."""


@dataclass(frozen=True, slots=True)
class Case:
    """One project and its answers. `root` is an absolute folder; verdicts are the acceptable ones of each name."""

    name: str
    about: str
    root: Path
    production: Mapping[str, frozenset[str]]
    groups: Mapping[str, Mapping[str, frozenset[str]]]
    undeclared: Mapping[str, str]
    missing: Mapping[str, str]
    skipped: Mapping[str, str]
    either: frozenset[str]

    @property
    def unneeded(self) -> dict[str, frozenset[str]]:
        """The requirements of production that are certainly a problem."""
        return {name: verdicts for name, verdicts in self.production.items() if verdicts <= UNNEEDED}

    @property
    def open(self) -> frozenset[str]:
        """The requirements of production that may be called a problem or not."""
        return frozenset(name for name, verdicts in self.production.items() if verdicts & UNNEEDED) - {*self.unneeded}

    @property
    def imported(self) -> dict[str, str]:
        """What is imported and not declared, and where."""
        return {**self.undeclared, **self.missing}


def every() -> Iterator[Case]:
    """All cases by name."""
    for path in sorted(HERE.glob("*/expected*.toml")):
        yield _read(path)


def _read(path: Path) -> Case:
    table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    extra = path.stem.removeprefix("expected")
    return Case(
        name=path.parent.name + extra,
        about=table["about"],
        root=path.parent / "project" / table.get("root", ""),
        production=_verdicts(table.get("production", {})),
        groups={group: _verdicts(names) for group, names in table.get("groups", {}).items()},
        undeclared=table.get("undeclared", {}),
        missing=table.get("missing", {}),
        skipped=table.get("skipped", {}),
        either=frozenset(table.get("either", ())),
    )


def _verdicts(table: Mapping[str, str | list[str]]) -> dict[str, frozenset[str]]:
    return {
        name: frozenset([verdict] if isinstance(verdict, str) else verdict) for name, verdict in sorted(table.items())
    }


@cache
def facts() -> Mapping[str, Distribution]:
    """What was recorded of real wheels, by canonical name."""
    recorded = json.loads(FACTS.read_text(encoding="utf-8"))
    return {name: _distribution(name, fact) for name, fact in recorded.items()}


def _distribution(name: str, fact: Mapping[str, Any]) -> Distribution:
    return Distribution(
        name=name,
        version=fact["version"],
        modules=frozenset(fact["modules"]),
        requires=tuple(fact["requires"]),
        extras=tuple(fact["extras"]),
        entry_points=tuple(EntryPoint(*row) for row in fact["entry_points"]),
        packed=fact["packed"],
        unpacked=fact["unpacked"],
        namespaces=frozenset(fact["namespaces"]),
    )
