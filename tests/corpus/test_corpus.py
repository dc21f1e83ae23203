"""Every project of the corpus, judged offline; nothing that a service needs may be called superfluous."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.corpus import cases, score
from tests.corpus.judging import Answer, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.corpus.cases import Case
    from tests.corpus.score import Count

CASES = tuple(cases.every())


@cache
def answers() -> dict[str, Answer]:
    return {}


def judged(case: Case) -> Answer:
    known = answers()
    if case.name not in known:
        known[case.name] = answer(case)
    return known[case.name]


def counts(case: Case) -> tuple[Count, Count]:
    report = judged(case).report
    return score.unneeded(case, report, cases.UNNEEDED), score.imported(case, report)


def differences(case: Case, given: Answer) -> Iterator[str]:
    """One line for each requirement and import of which something else was said."""
    production = given.production
    for name, verdicts in case.production.items():
        one = production.get(name)
        if one is None or one.verdict not in verdicts:
            said = f"{one.verdict} ({one.evidence})" if one else "nothing"
            yield f"{case.name}: {name}: expected {' or '.join(sorted(verdicts))}, got {said}"
    imported = score.imported(case, given.report)
    yield from (f"{name}: wrongly called undeclared or missing" for name in imported.wrong)
    yield from (f"{name}: expected at {case.imported[name.partition(': ')[2]]}, not said" for name in imported.missed)


def lines(names: tuple[str, ...]) -> str:
    """What was said of these, 'project: name'."""
    wanted = {(name.partition(": ")[0], name.partition(": ")[2]) for name in names}
    return "\n".join(
        line
        for case in CASES
        for line in differences(case, judged(case))
        if any(case.name == project and line.startswith(f"{project}: {name}:") for project, name in wanted)
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_nothing_that_is_needed_is_called_superfluous(case: Case) -> None:
    unneeded, imported = counts(case)
    assert not unneeded.wrong, f"\n{case.about}\n{lines(unneeded.wrong)}"
    assert not imported.wrong, f"\n{case.about}\n{lines(imported.wrong)}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_requirement_gets_a_verdict(case: Case) -> None:
    assert judged(case).production.keys() == case.production.keys()


@pytest.mark.parametrize("case", [case for case in CASES if case.skipped], ids=lambda case: case.name)
def test_what_does_not_count_is_said(case: Case) -> None:
    skipped = {skip.location.path: skip.reason for skip in judged(case).code.skipped}
    assert skipped.keys() == case.skipped.keys()
    for path, reason in case.skipped.items():
        assert reason.lower() in skipped[path].lower()


def test_most_problems_are_found() -> None:
    total = score.total(count for case in CASES for count in counts(case))
    assert total.recall >= 0.95, lines(total.missed)
    assert total.precision == 1.0, lines(total.wrong)


def test_most_verdicts_are_the_very_word() -> None:
    said = [(case, name, verdicts) for case in CASES for name, verdicts in case.production.items()]
    right = sum(
        name in judged(case).production and judged(case).production[name].verdict in verdicts
        for case, name, verdicts in said
    )
    assert right / len(said) >= 0.9, "\n".join(line for case in CASES for line in differences(case, judged(case)))


def test_the_corpus_is_large_and_its_facts_are_whole() -> None:
    assert len({case.root for case in CASES}) >= 40
    facts = cases.facts()
    absent = {name for case in CASES for name in (*case.production, *case.undeclared) if name not in facts}
    # Of the projects themselves, of packages that are on no index, and of Windows only.
    assert absent == {"clip", "segment-anything", "en-core-web-sm", "shared", "textkit", "pywin32"}


def test_counting() -> None:
    case = next(case for case in CASES if case.name == "names-differ")
    report = score.Report(
        unneeded=frozenset({"tabulate", "flask", "of-nobody"}),
        imported={"numpy.linalg": frozenset(), "cv2": frozenset({"station/camera.py:1"})},
    )
    unneeded = score.unneeded(case, report, cases.UNNEEDED)
    assert (unneeded.found, unneeded.wrong, unneeded.missed) == (
        ("names-differ: tabulate",),
        ("names-differ: flask",),
        ("names-differ: colorama",),
    )
    assert (unneeded.precision, unneeded.recall) == (0.5, 0.5)
    imported = score.imported(case, report)
    assert (imported.found, imported.wrong, imported.missed) == (("names-differ: numpy",), ("names-differ: cv2",), ())
