"""Verdicts for tests, written in one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.deps.model import Cost, Dependency, Verdict
from slimtorch.findings import Location
from slimtorch.inventory.code.model import Form, Import, Role
from slimtorch.project.declared.model import Declared

if TYPE_CHECKING:
    from collections.abc import Iterable


def verdict(
    name: str, what: Verdict, *needed_by: str, via: Iterable[str] = (), size: int = 0, used: bool = False
) -> Dependency:
    """What is known of one distribution; `via` are the names that the file itself gives."""
    declared = (Declared(name, name, Location("requirements.txt", 1), via=tuple(via)),)
    uses = (Import(name, (), Location("app.py", 3), Form.PLAIN, Role.SERVICE),) if used else ()
    return Dependency(name, what, f"{name} is {what}", declared, uses, needed_by, Cost(closure_unpacked=size))


def verdicts(**names: Verdict) -> dict[str, Dependency]:
    """By name; an underscore stands for a hyphen."""
    return {(key := name.replace("_", "-")): verdict(key, what) for name, what in names.items()}
