"""What each dependency is for, as a table for people and as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slimtorch.cli.console import Table
from slimtorch.cli.tables import findings_json
from slimtorch.deps.check import words
from slimtorch.deps.check.facts import place
from slimtorch.deps.check.findings import rule_of
from slimtorch.deps.check.rules import RULES
from slimtorch.deps.model import Verdict
from slimtorch.findings import Severity
from slimtorch.project.declared import PRODUCTION
from slimtorch.project.sizes import written

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from slimtorch.deps.model import Cost, Dependency
    from slimtorch.findings import Finding, Location
    from slimtorch.flows.deps.check import Checked
    from slimtorch.inventory.code.model import Import
    from slimtorch.project.declared import Declared

ORDER = (
    Verdict.MISSING, Verdict.UNUSED, Verdict.DEVELOPMENT, Verdict.TESTS, Verdict.UNDECLARED, Verdict.INDIRECT,
    Verdict.OPTIONAL, Verdict.USED,
)  # fmt: skip
"""The worst first."""
_COLUMNS = ("dependency", "verdict", "why", "size", "frees")
_NUMBERS = frozenset({"size", "frees"})
_COUNTED = {
    Verdict.DEVELOPMENT: "for development",
    Verdict.TESTS: "for tests",
    Verdict.INDIRECT: "brought by others (--all lists them)",
}
MANY = 6
"""Findings of one rule that are listed before the rest is counted."""


def dependencies(checked: Checked, *, everything: bool) -> Table:
    """The dependencies of production, the worst first and then the largest."""
    rows = [
        (one.name, one.verdict.value, one.evidence, *_sizes(one.cost))
        for one in _sorted(checked.dependencies)
        if _is_shown(one) and (everything or one.verdict is not Verdict.INDIRECT)
    ]
    return Table(_COLUMNS, rows, _NUMBERS)


def lines(checked: Checked) -> Iterator[str]:
    """What is wrong, by rule, with the places and the way out; then what could be saved."""
    for rule in sorted(RULES, key=lambda rule: -rule.severity):
        found = [finding for finding in checked.findings if finding.rule == rule.id]
        if found and (rule.severity > Severity.INFO or any(one.location for one in found)):
            yield from _rule(found)
    yield _summary(checked)


def _rule(found: Sequence[Finding]) -> Iterator[str]:
    found = sorted(found, key=lambda finding: -finding.severity)
    yield f"{found[0].severity.name.lower()} {found[0].rule}: {found[0].hint}"
    for finding in found[:MANY]:
        where = f"{place(finding.location)}: " if finding.location else ""
        yield f"  {where}{finding.message}"
    if len(found) > MANY:
        yield f"  and {len(found) - MANY} more"
    yield ""


def _summary(checked: Checked) -> str:
    counts = dict.fromkeys(ORDER, 0)
    for one in checked.dependencies:
        if rule_of(one) or _is_shown(one):
            counts[one.verdict] += 1
    parts = [f"{count} {_COUNTED.get(verdict, verdict.value)}" for verdict, count in counts.items() if count]
    said = ", ".join(parts) or "no dependencies"
    if checked.saved.unpacked:
        spare = words.listed(_kinds(checked))
        said += f"\n{spare}: {written(checked.saved.unpacked)} of {written(checked.whole.unpacked)}"
    return said


def _kinds(checked: Checked) -> list[str]:
    names = {
        Verdict.DEVELOPMENT: "development-only",
        Verdict.TESTS: "tests-only",
        Verdict.UNUSED: "unused",
    }
    there = {one.verdict for one in checked.dependencies if rule_of(one)}
    return [name for verdict, name in names.items() if verdict in there]


def _sorted(found: Sequence[Dependency]) -> list[Dependency]:
    return sorted(found, key=lambda one: (ORDER.index(one.verdict), -one.cost.closure_unpacked, one.name))


def _is_shown(one: Dependency) -> bool:
    """Whether it concerns production: declared for it, or lacking there."""
    absent = one.verdict in {Verdict.MISSING, Verdict.UNDECLARED}
    return absent or any(item.group == PRODUCTION for item in one.declared)


def _sizes(cost: Cost) -> tuple[str, str]:
    if not cost.closure_unpacked:
        return "", ""
    return written(cost.unpacked), written(cost.closure_unpacked)


# -- JSON ------------------------------------------------------------------------------------------------------------


def to_json(checked: Checked) -> dict[str, Any]:
    """Everything that is known, sizes in bytes."""
    gathered = checked.gathered
    code = gathered.evidence.code
    return {
        "project": str(gathered.root),
        "python": gathered.evidence.python,
        "distributions": gathered.origin,
        "notes": list(gathered.notes),
        "files": code.files,
        "dependencies": [_dependency(one) for one in _sorted(checked.dependencies)],
        "findings": [
            {**row, "line": finding.location.line if finding.location else None}
            for row, finding in zip(findings_json(checked.findings), checked.findings, strict=True)
        ],
        "skipped": [{**_place(one.location), "reason": one.reason} for one in code.skipped],
        "size": {"packed": checked.whole.packed, "unpacked": checked.whole.unpacked},
        "saved": {"packed": checked.saved.packed, "unpacked": checked.saved.unpacked},
    }


def _dependency(one: Dependency) -> dict[str, Any]:
    rule = rule_of(one)
    return {
        "name": one.name,
        "verdict": one.verdict.value,
        "rule": rule.id if rule else None,
        "why": one.evidence,
        "declared": [_declared(item) for item in one.declared],
        "uses": [_use(use) for use in one.uses],
        "needed_by": list(one.needed_by),
        "size": {"packed": one.cost.packed, "unpacked": one.cost.unpacked},
        "frees": {"packed": one.cost.closure_packed, "unpacked": one.cost.closure_unpacked},
    }


def _declared(item: Declared) -> dict[str, Any]:
    return {"requirement": item.text, "group": item.group, **_place(item.location)}


def _use(use: Import) -> dict[str, Any]:
    return {
        "module": use.module,
        "names": list(use.names),
        "form": use.form.value,
        "role": use.role.value,
        **_place(use.location),
    }


def _place(location: Location) -> dict[str, Any]:
    return {"path": location.path, "line": location.line}
