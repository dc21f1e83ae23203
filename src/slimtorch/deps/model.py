"""What is known of each dependency once code, declarations and distributions are laid beside each other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.findings import Location
    from slimtorch.inventory.code.model import Code, Import
    from slimtorch.inventory.distributions import Distribution
    from slimtorch.project.declared.model import Declarations, Declared


class Verdict(StrEnum):
    """What a dependency is for."""

    USED = "used"
    OPTIONAL = "optional"
    """Nothing imports it by name, but something that is used may load it: a plugin, a back end, a command."""
    DEVELOPMENT = "development"
    TESTS = "tests"
    UNUSED = "unused"
    INDIRECT = "indirect"
    """Declared, not imported, and needed by another one that is."""
    UNDECLARED = "undeclared"
    """Imported, and there only because another one brings it."""
    MISSING = "missing"
    """Imported, and nothing brings it."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Bytes of the distribution itself, and of all that would go with it if it went; as wheels, and unpacked."""

    packed: int = 0
    unpacked: int = 0
    closure_packed: int = 0
    closure_unpacked: int = 0


@dataclass(frozen=True, slots=True)
class Dependency:
    """One distribution (or, when nothing brings it, one module) and what was found out about it.

    `evidence` says in one sentence why the verdict is what it is; `uses` are the imports that decided.
    """

    name: str
    verdict: Verdict
    evidence: str
    declared: tuple[Declared, ...] = ()
    uses: tuple[Import, ...] = ()
    needed_by: tuple[str, ...] = ()
    cost: Cost = Cost()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a judgement rests on. `mentions` are places outside the code that name a module, command or distribution."""

    declarations: Declarations
    code: Code
    distributions: Mapping[str, Distribution]
    mentions: Mapping[str, Location]
    python: str = "3.11"
