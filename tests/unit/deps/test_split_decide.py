from __future__ import annotations

import pytest

from slimtorch.deps.model import Dependency, Verdict
from slimtorch.deps.split.decide import decide
from slimtorch.deps.split.model import Decision, Place
from tests.support.verdicts import verdict

PROD, DEV, TEST = Place.PROD, Place.DEV, Place.TEST


def decided(*known: Dependency, names: tuple[str, ...] = (), **wanted: Place) -> dict[str, Decision]:
    names = names or tuple(one.name for one in known if one.verdict not in {Verdict.MISSING, Verdict.UNDECLARED})
    return decide(names, {one.name: one for one in known}, wanted)


def places(found: dict[str, Decision]) -> dict[str, Place]:
    return {name: decision.to for name, decision in found.items()}


@pytest.mark.parametrize(
    ("what", "place"),
    [
        (Verdict.USED, PROD),
        (Verdict.OPTIONAL, PROD),
        (Verdict.INDIRECT, PROD),
        (Verdict.DEVELOPMENT, DEV),
        (Verdict.TESTS, TEST),
        (Verdict.UNUSED, DEV),
    ],
)
def test_each_verdict_has_a_place(what: Verdict, place: Place) -> None:
    assert decided(verdict("a", what, size=7))["a"] == Decision(
        place, "nothing imports it; a is unused" if what is Verdict.UNUSED else f"a is {what}", 7
    )


def test_what_nobody_judged_stays() -> None:
    assert decided(names=("a",)) == {"a": Decision(PROD, "nothing is known of it, so it stays")}


@pytest.mark.parametrize("what", [Verdict.DEVELOPMENT, Verdict.TESTS, Verdict.UNUSED, Verdict.INDIRECT])
def test_what_production_needs_stays(what: Verdict) -> None:
    used = verdict("torch", Verdict.USED)
    for needed in (verdict("sympy", what, "torch"), verdict("sympy", what, via=["Torch"])):
        found = decided(used, needed, verdict("mpmath", Verdict.UNUSED, "sympy"))
        assert places(found) == {"torch": PROD, "sympy": PROD, "mpmath": PROD}
        assert found["mpmath"].why == "sympy needs it"


def test_what_only_development_needs_goes_with_it() -> None:
    found = decided(
        verdict("pytest", Verdict.TESTS),
        verdict("black", Verdict.DEVELOPMENT),
        verdict("pluggy", Verdict.INDIRECT, "pytest"),
        verdict("click", Verdict.INDIRECT, "black", via=["pluggy"]),
        verdict("iniconfig", Verdict.INDIRECT, "pluggy"),
    )
    assert places(found) == {"pytest": TEST, "black": DEV, "pluggy": TEST, "click": DEV, "iniconfig": TEST}
    assert found["pluggy"].why == "only pytest needs it"
    assert found["click"].why == "only black or pluggy needs it"


def test_one_needer_that_nobody_knows_keeps_it() -> None:
    known = verdict("pytest", Verdict.TESTS), verdict("pluggy", Verdict.INDIRECT, "pytest", "something")
    assert decided(*known)["pluggy"].to is PROD


def test_a_circle_that_nobody_leads_to_stays_and_one_below_development_goes() -> None:
    circle = verdict("a", Verdict.INDIRECT, "b"), verdict("b", Verdict.INDIRECT, "a")
    assert places(decided(*circle)) == {"a": PROD, "b": PROD}
    circle = verdict("a", Verdict.INDIRECT, "b", "black"), verdict("b", Verdict.INDIRECT, "a")
    assert places(decided(*circle, verdict("black", Verdict.UNUSED))) == {"a": DEV, "b": DEV, "black": DEV}


def test_what_brings_an_undeclared_import_stays() -> None:
    known = (
        verdict("numpy", Verdict.UNDECLARED, "pandas", "matplotlib"),
        verdict("pandas", Verdict.UNUSED, size=90),
        verdict("matplotlib", Verdict.DEVELOPMENT, size=40),
    )
    found = decided(*known)
    assert places(found) == {"pandas": DEV, "matplotlib": PROD}
    assert found["matplotlib"].why == "brings numpy, which the service imports and nothing declares"


def test_an_undeclared_import_that_production_brings_moves_nothing() -> None:
    known = verdict("numpy", Verdict.UNDECLARED, "torch", "pandas"), verdict("torch", Verdict.USED)
    assert places(decided(*known, verdict("pandas", Verdict.UNUSED))) == {"torch": PROD, "pandas": DEV}


def test_the_user_decides() -> None:
    known = (
        verdict("torch", Verdict.USED),
        verdict("sympy", Verdict.INDIRECT, "torch"),
        verdict("black", Verdict.DEVELOPMENT),
        verdict("click", Verdict.INDIRECT, "black"),
    )
    assert places(decided(*known, torch=DEV)) == {"torch": DEV, "sympy": DEV, "black": DEV, "click": DEV}
    found = decided(*known, black=PROD)
    assert places(found) == dict.fromkeys(found, PROD)
    assert found["black"].why == "--prod black"
    assert decided(*known, sympy=DEV)["sympy"] == Decision(DEV, "--dev sympy")
