"""Verdicts → findings, each with the line that declares or uses the dependency, and the megabytes."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from slimtorch.deps.check import rules
from slimtorch.deps.check.facts import place
from slimtorch.deps.check.rules import RULES
from slimtorch.deps.model import Verdict
from slimtorch.findings import Severity
from slimtorch.inventory.code.model import Form
from slimtorch.project.declared.model import PRODUCTION
from slimtorch.project.sizes import written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from slimtorch.deps.model import Cost, Dependency, Evidence
    from slimtorch.findings import Finding, Location, Rule
    from slimtorch.inventory.code.model import Code
    from slimtorch.inventory.distributions import Distribution

__all__ = ["RULES", "findings", "megabytes", "rule_of", "twice"]

_RULES = {
    Verdict.UNUSED: rules.UNUSED,
    Verdict.DEVELOPMENT: rules.DEVELOPMENT,
    Verdict.TESTS: rules.TESTS,
    Verdict.MISSING: rules.MISSING,
    Verdict.UNDECLARED: rules.UNDECLARED,
    Verdict.INDIRECT: rules.INDIRECT,
}
SHARED = "this project does not import it, and others may share the file"
_SPARE = frozenset({Verdict.UNUSED, Verdict.DEVELOPMENT, Verdict.TESTS, Verdict.INDIRECT})


def findings(dependencies: Iterable[Dependency], code: Code) -> tuple[Finding, ...]:
    """What is wrong with the requirements, and which files could not be read."""
    found = [_finding(one, rule) for one in dependencies if (rule := rule_of(one))]
    found += [rules.SKIPPED.at(f"not read: {one.reason}", one.location) for one in code.skipped]
    return tuple(found)


def twice(evidence: Evidence) -> tuple[Finding, ...]:
    """Pairs of distributions that install the same regular package, and that the service imports from."""
    imported = {one.top for one in evidence.code.imports}
    held = [one for one in evidence.distributions.values() if not one.assumed]
    by_top: dict[str, list[Distribution]] = {}
    for one in held:
        for module in one.modules - one.namespaces:
            if "." not in module and module in imported:
                by_top.setdefault(module, []).append(one)
    return tuple(_pairs(by_top, evidence))


def _pairs(by_top: Mapping[str, list[Distribution]], evidence: Evidence) -> Iterator[Finding]:
    lines = {one.name: one.location for one in evidence.declarations.of(PRODUCTION)}
    for module, owners in sorted(by_top.items()):
        for one, other in combinations(sorted(owners, key=lambda item: item.name), 2):
            where = lines.get(other.name) or lines.get(one.name)
            yield rules.TWICE.at(f"{one.name} and {other.name} both bring {module}", where)


def rule_of(one: Dependency) -> Rule | None:
    """The rule that a dependency breaks; None where all is well."""
    if one.verdict is Verdict.MISSING and one.declared:
        return rules.GROUP
    if one.verdict in _SPARE and not any(item.group == PRODUCTION for item in one.declared):
        return None
    if one.verdict is Verdict.DEVELOPMENT and one.uses and all(use.form is Form.TYPING for use in one.uses):
        return rules.TYPING
    return _RULES.get(one.verdict)


def _finding(one: Dependency, rule: Rule) -> Finding:
    severity = None
    if rule is rules.MISSING and one.needed_by:
        severity = Severity.WARNING
    price = "" if one.verdict is Verdict.INDIRECT else megabytes(one.cost)
    where, said = _where(one), one.evidence
    if rule is rules.UNUSED and where and where.path.startswith(("../", "/")):
        severity, said = Severity.INFO, SHARED
    return rule.at(_said(one.name, said, where) + (f" ({price})" if price else ""), where, severity)


def _said(name: str, said: str, where: Location | None) -> str:
    """The sentence with the name; the place stands before the finding and is not said again."""
    for what in ("it", name):
        start = f"{place(where)} imports {what}" if where else ""
        if start and said.startswith(start) and not said[len(start) :][:1].isalnum():
            return f"{name} is imported{said.removeprefix(start)}"
    return f"{name}: {said}"


def _where(one: Dependency) -> Location | None:
    """Where to put it right: the line that declares it, else the first that uses it."""
    if one.verdict in _SPARE:
        return next((item.location for item in one.declared if item.group == PRODUCTION), None)
    return min((use.location for use in one.uses), key=lambda where: (where.path, where.line), default=None)


def megabytes(cost: Cost) -> str:
    """``45.1 MB, 112.0 MB with what only it needs``; '' where nothing is known."""
    if not cost.closure_unpacked:
        return ""
    own = written(cost.unpacked)
    return (
        own
        if cost.closure_unpacked == cost.unpacked
        else f"{own}, {written(cost.closure_unpacked)} with what it brings"
    )
