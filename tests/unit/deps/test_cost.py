from __future__ import annotations

import time

from slimtorch.deps.check import cost
from slimtorch.deps.check.facts import lay
from slimtorch.deps.check.usage import judge
from slimtorch.deps.model import Cost, Evidence
from tests.support.evidence import declarations, distribution, evidence

WORLD = [
    distribution("torch", "", "sympy", "numpy", packed=100, unpacked=700),
    distribution("sympy", packed=10, unpacked=40),
    distribution("numpy", packed=5, unpacked=30),
    distribution("jupyter", "-", "tornado", "numpy", packed=1, unpacked=2),
    distribution("notebook", "", "tornado", packed=2, unpacked=3),
    distribution("tornado", packed=3, unpacked=4),
]


def weighed(seen: Evidence) -> dict[str, Cost]:
    return {one.name: one.cost for one in cost.weigh(judge(lay(seen)), lay(seen))}


def test_own_bytes_and_what_would_go_along() -> None:
    seen = evidence(["a.py:1 plain torch"], declarations(["torch", "jupyter"]), WORLD)
    found = weighed(seen)
    assert found["jupyter"] == Cost(1, 2, 4, 6)  # numpy stays, torch needs it
    assert found["torch"] == Cost(100, 700, 110, 740)  # without numpy, which jupyter needs


def test_what_two_bring_goes_with_both_only() -> None:
    seen = evidence(["a.py:1 plain torch"], declarations(["torch", "jupyter", "notebook"]), WORLD)
    assert weighed(seen)["jupyter"] == Cost(1, 2, 1, 2)
    assert cost.saved(judge(lay(seen)), lay(seen)) == Cost(6, 9, 6, 9)
    assert cost.whole(lay(seen)).unpacked == 779


def test_in_a_frozen_list_what_a_tool_brought_goes_with_it() -> None:
    seen = evidence(["a.py:1 plain torch"], declarations(["torch", "sympy", "numpy", "jupyter", "tornado"]), WORLD)
    found = weighed(seen)
    assert found["jupyter"].closure_unpacked == 6
    assert found["tornado"] == Cost(3, 4, 3, 4)


def test_what_is_missing_costs_nothing() -> None:
    seen = evidence(["a.py:1 plain yaml"], declarations(["torch"]), WORLD)
    assert weighed(seen)["yaml"] == Cost()


def test_five_thousand_requirements_are_weighed_in_seconds() -> None:
    names = [f"n{number}" for number in range(5_000)]
    world = [distribution(one, "", f"n{number // 2}", "n1") for number, one in enumerate(names)]
    seen = evidence([f"a.py:{n} plain n{n}" for n in range(1, 5_000, 7)], declarations(names), world)
    start = time.process_time()
    assert len(weighed(seen)) == 5_000
    assert time.process_time() - start < 60
