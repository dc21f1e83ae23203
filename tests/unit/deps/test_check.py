from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from slimtorch.deps.check import cost
from slimtorch.deps.check.facts import lay
from slimtorch.deps.check.findings import findings, twice
from slimtorch.deps.check.rules import RULES
from slimtorch.deps.check.usage import judge
from slimtorch.findings import Finding, Location, Severity
from slimtorch.inventory.code.model import Skipped
from tests.support.evidence import declarations, distribution, evidence

if TYPE_CHECKING:
    from slimtorch.deps.model import Evidence

NEEDS = distribution("jupyter", "-", "tornado", unpacked=4_000)
TORNADO = distribution("tornado", "", unpacked=2_000_000)
TORCH = distribution("torch", "", "sympy", unpacked=700_000_000)
SYMPY = distribution("sympy", unpacked=40_000_000)


def found(seen: Evidence) -> dict[str, Finding]:
    dependencies = cost.weigh(judge(lay(seen)), lay(seen))
    return {one.rule: one for one in (*findings(dependencies, seen.code), *twice(seen))}


def test_the_line_that_declares_it_and_the_megabytes() -> None:
    seen = evidence(["a.py:1 plain torch"], declarations(["torch", "jupyter"]), [TORCH, SYMPY, NEEDS, TORNADO])
    one = found(seen)["DEP702"]
    assert one.location == Location("requirements.txt", 2)
    assert one.severity is Severity.WARNING
    assert one.message == "jupyter: a notebook tool, and nothing imports it (4 kB, 2 MB with what it brings)"
    assert "slimtorch deps split" in one.hint


@pytest.mark.parametrize(
    ("imports", "lines", "rule", "where"),
    [
        ([], ["arrow"], "DEP701", Location("requirements.txt", 1)),
        (["tests/t.py:4 plain arrow"], ["arrow"], "DEP703", Location("requirements.txt", 1)),
        (["b.py:9 plain yaml", "a.py:7 lazy yaml"], ["arrow"], "DEP704", Location("a.py", 7)),
        (["a.py:7 plain sympy", "a.py:8 plain torch"], ["torch"], "DEP705", Location("a.py", 7)),
        (["a.py:8 plain torch"], ["torch", "sympy"], "DEP706", Location("requirements.txt", 2)),
        (["a.py:8 typing torch"], ["torch"], "DEP708", Location("requirements.txt", 1)),
    ],
)
def test_each_rule_says_where(imports: list[str], lines: list[str], rule: str, where: Location) -> None:
    seen = evidence(imports, declarations(lines), [TORCH, SYMPY, distribution("arrow")])
    assert found(seen)[rule].location == where


def test_what_only_development_declares_is_an_error() -> None:
    seen = evidence(["a.py:3 plain arrow"], declarations([], {"dev": ["arrow"]}), [distribution("arrow")])
    one = found(seen)["DEP710"]
    assert (one.severity, one.location) == (Severity.ERROR, Location("a.py", 3))
    assert "DEP704" not in found(seen)


def test_what_may_be_brought_by_an_unread_wheel_is_a_warning() -> None:
    seen = evidence(["a.py:3 plain yaml"], declarations(["odd"]), [])
    assert found(seen)["DEP704"].severity is Severity.WARNING


def test_groups_of_development_are_fine_as_they_are() -> None:
    seen = evidence([], declarations([], {"dev": ["black", "arrow"]}), [distribution("black"), distribution("arrow")])
    assert not found(seen)


def test_a_skipped_file_is_said() -> None:
    seen = evidence([], declarations([]), [])
    seen = replace(seen, code=replace(seen.code, skipped=(Skipped(Location("old.py", 3), "Python 2"),)))
    assert found(seen)["DEP707"].message == "not read: Python 2"


def test_two_that_bring_one_module() -> None:
    pair = [distribution("opencv-python", "cv2"), distribution("opencv-python-headless", "cv2")]
    seen = evidence(["a.py:3 plain cv2"], declarations(["opencv-python", "opencv-python-headless"]), pair)
    one = found(seen)["DEP709"]
    assert one.message == "opencv-python and opencv-python-headless both bring cv2"
    assert one.location == Location("requirements.txt", 2)


def test_a_namespace_is_shared_by_right() -> None:
    spaces = frozenset(["google"])
    pair = [
        distribution("a", "google google.a", namespaces=spaces),
        distribution("b", "google google.b", namespaces=spaces),
    ]
    assert not twice(evidence(["a.py:3 plain google.a"], declarations(["a", "b"]), pair))


def test_ids_are_in_order_and_every_rule_says_why() -> None:
    assert [rule.id for rule in RULES] == sorted({rule.id for rule in RULES})
    assert all(rule.what and rule.why and rule.fix for rule in RULES)


def test_a_requirement_of_a_shared_file_is_said_mildly() -> None:
    seen = evidence([], declarations(["arrow"]), [distribution("arrow")])
    item = replace(seen.declarations.items[0], location=Location("../base.txt", 1))
    one = found(replace(seen, declarations=replace(seen.declarations, items=(item,))))["DEP701"]
    assert (one.severity, "others may share the file" in one.message) == (Severity.INFO, True)


def test_the_place_is_said_once() -> None:
    one = found(evidence(["a.py:3 lazy yaml"], declarations([]), []))["DEP704"]
    assert one.message == "yaml is imported in a function, and nothing brings it"
