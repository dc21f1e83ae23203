"""The service of an image, started before and after: healthy, and the same answers byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.errors import SlimtorchError
from slimtorch.host.engines import ENGINES
from slimtorch.probe.session import Job, run_once
from slimtorch.probe.verdicts import never_well

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slimtorch.host.engines.model import Engine
    from slimtorch.host.process import Run
    from slimtorch.probe.report import Report
    from slimtorch.probe.session import Subject


@dataclass(frozen=True, slots=True)
class Compared:
    """What the two runs showed: `failures`, texts; `shown`, one sentence."""

    shown: str
    failures: tuple[str, ...] = ()


def compare(before: Subject, after: Subject, job: Job, run: Run, engines: Sequence[Engine] = ENGINES) -> Compared:
    """How the service does in both trees. What it does not do before it need not do after."""
    engine, first, why = _first(before, job, run, engines)
    if engine is None or first is None:
        return Compared(f"the service was not run here: {why}")
    if first.load_seconds is None:
        return Compared(f"the service was not compared: {never_well(first).splitlines()[0]}, before as well")
    try:
        second = run_once(engine, after, job, run)
    except SlimtorchError as error:
        return Compared("", (f"the service ran, and now: {error.message.splitlines()[0]}",))
    if second.load_seconds is None:
        return Compared("", (f"the service got healthy, and now: {never_well(second)}",))
    others = [number for number, pair in enumerate(_pairs(first, second)) if pair[0] != pair[1]]
    changing = _changing(engine, before, job, run, first) if others else frozenset()
    wrong = [number for number in others if number not in changing]
    return Compared(_shown(engine, first, len(changing)), tuple(_said(number, first, second) for number in wrong))


def _first(subject: Subject, job: Job, run: Run, engines: Sequence[Engine]) -> tuple[Engine | None, Report | None, str]:
    reasons = []
    for engine in engines:
        if engine.keeps_images:
            continue
        try:
            why = engine.obstacle(run)
            if not why:
                return engine, run_once(engine, subject, job, run), ""
        except SlimtorchError as error:
            why = error.message.splitlines()[0]
        reasons.append(f"{engine.name}: {why}")
    return None, None, "; ".join(reasons)


def _pairs(first: Report, second: Report) -> list[tuple[object, object]]:
    longest = max(len(first.answers), len(second.answers))
    return [(_answer(first, number), _answer(second, number)) for number in range(longest)]


def _answer(report: Report, number: int) -> tuple[int, str]:
    return report.answers[number] if number < len(report.answers) else (0, "no answer")


def _changing(engine: Engine, before: Subject, job: Job, run: Run, first: Report) -> frozenset[int]:
    """The questions that the untouched service itself answers otherwise the next time (a time, a random number)."""
    try:
        again = run_once(engine, before, job, run)
    except SlimtorchError:
        return frozenset()
    return frozenset(number for number, pair in enumerate(_pairs(first, again)) if pair[0] != pair[1])


def _shown(engine: Engine, report: Report, changing: int) -> str:
    asked = len(report.answers) - changing
    answers = f" and gives the same {asked} answers" if asked > 0 else ""
    never = f"; {changing} answers differ from run to run, also before" if changing else ""
    return f"the service gets healthy in {engine.name}{answers}{never}"


def _said(number: int, first: Report, second: Report) -> str:
    was, now = _answer(first, number), _answer(second, number)
    return f"answer {number + 1} was {was[0]} {was[1][:80]!r}, and now {now[0]} {now[1][:80]!r}"
