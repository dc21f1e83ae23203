from __future__ import annotations

import re

from slimtorch.findings import Severity
from slimtorch.probe.rules import RULES, SONAME


def test_every_rule_has_an_id_of_its_own_and_says_everything() -> None:
    ids = [rule.id for rule in RULES]
    assert ids == sorted(set(ids))
    assert all(re.fullmatch(r"RUN6\d\d", name) for name in ids)
    assert all(rule.what and rule.why and rule.fix for rule in RULES)


def test_a_finding_carries_the_way_out_and_the_path() -> None:
    finding = SONAME.finding("needs libx.so", "usr/lib/y.so")
    assert (finding.rule, finding.severity, finding.hint) == (SONAME.id, Severity.ERROR, SONAME.fix)
    assert finding.location is not None
    assert finding.location.path == "/usr/lib/y.so"
