"""Starts an image in the first engine that works, asks it, measures it, and judges what happened."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slimtorch.errors import SlimtorchError
from slimtorch.host.engines import ENGINES
from slimtorch.host.engines.model import Property
from slimtorch.probe import rules, verdicts
from slimtorch.probe.session import Job, OverdueError, run_once

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from slimtorch.findings import Finding
    from slimtorch.host.engines.model import Engine
    from slimtorch.host.process import Run
    from slimtorch.probe.questions import Question
    from slimtorch.probe.report import Report
    from slimtorch.probe.session import Subject

EXCERPT = 160
OTHER_UID = 54321
"""A user id that no image knows, as OpenShift gives them."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was shown: in which engine, what stays unproven, seconds until healthy, memory in bytes, right answers."""

    engine: str = ""
    skipped: tuple[tuple[str, str], ...] = ()
    unproven: tuple[str, ...] = ()
    load_seconds: float | None = None
    resident: int = 0
    peak: int = 0
    answered: int = 0
    asked: int = 0
    first_answer: str = ""
    """The body of the first answer, shortened: what a user of the service would see."""
    import_seconds: tuple[tuple[str, float], ...] = ()
    findings: tuple[Finding, ...] = ()
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """How an image is tried. `engine` is the only one to use, '' for the first that works; times in seconds.

    `answering` is what the service has for all answers together.
    """

    questions: Sequence[Question] = ()
    question_path: str = "/predict"
    tolerance: float = 1e-5
    modules: tuple[str, ...] = ()
    patience: float = 120
    answering: float = 300
    engine: str = ""
    as_other_user: bool = True


def prove(
    subject: Subject,
    probe: Probe,
    run: Run,
    load: Callable[[str], str] | None = None,
    *,
    engines: Sequence[Engine] = ENGINES,
) -> Proof:
    """What running `subject` shows. `load` puts the image into an engine that keeps images and gives its name there.

    Nothing raised here is about the image: that becomes a finding.
    """
    inputs = [question.input for question in probe.questions]
    job = Job(inputs, probe.question_path, probe.modules, probe.patience, probe.answering)
    skipped: list[tuple[str, str]] = []
    for engine in engines:
        if probe.engine not in {"", engine.name}:
            continue
        try:
            if why := _obstacle(engine, load, run):
                skipped.append((engine.name, why))
                continue
            image = load(engine.name) if engine.keeps_images and load else ""
            placed = replace(subject, image=image)
            report = run_once(engine, placed, job, run)
        except OverdueError as error:
            # Another engine would wait as long for the same end.
            late = rules.OVERDUE.finding(verdicts.with_log(error.message, error.output.splitlines()))
            return Proof(engine.name, tuple(skipped), findings=(late, *_remarks(engine, skipped)))
        except SlimtorchError as error:
            skipped.append((engine.name, error.message.splitlines()[0]))
            continue
        again = _as_other(engine, placed, probe, report, run)
        proof = _proof(engine, placed, probe, report)
        findings = (*proof.findings, *again, *_remarks(engine, skipped))
        return replace(proof, skipped=tuple(skipped), findings=findings)
    return Proof(skipped=tuple(skipped), findings=(_no_engine(probe, skipped),))


def _obstacle(engine: Engine, load: Callable[[str], str] | None, run: Run) -> str:
    why = engine.obstacle(run)
    return "it runs only images that can be loaded into it" if not why and engine.keeps_images and not load else why


def _no_engine(probe: Probe, skipped: Sequence[tuple[str, str]]) -> Finding:
    reasons = "".join(f"\n  {name}: {why}" for name, why in skipped)
    if not skipped:
        return rules.ENGINE.finding(
            f"there is no engine {probe.engine!r}; there are {', '.join(e.name for e in ENGINES)}"
        )
    return rules.ENGINE.finding(f"no engine on this machine could start the image:{reasons}")


def _remarks(engine: Engine, skipped: Sequence[tuple[str, str]]) -> list[Finding]:
    found = [rules.SKIPPED.finding(f"{name} was skipped: {why}") for name, why in skipped]
    unproven = sorted(set(Property) - engine.proves)
    if unproven:
        found.append(rules.UNPROVEN.finding(f"{engine.name} does not show {'; '.join(unproven)}"))
    return found


def _as_other(engine: Engine, subject: Subject, probe: Probe, first: Report, run: Run) -> list[Finding]:
    """The findings of a second start as a user id that the image does not know."""
    useless = first.load_seconds is None or first.overdue
    if not probe.as_other_user or useless or Property.USER not in engine.proves:
        return []
    inputs = [question.input for question in probe.questions[:1]]
    job = Job(inputs, probe.question_path, (), probe.patience, probe.answering)
    try:
        report = run_once(engine, replace(subject, ids=(OTHER_UID, OTHER_UID)), job, run)
    except SlimtorchError as error:
        return [rules.OTHER_USER.finding(f"as user {OTHER_UID}: {error.message.splitlines()[0]}")]
    return verdicts.as_other_user(report, probe.questions[:1], probe.tolerance, OTHER_UID)


def _proof(engine: Engine, subject: Subject, probe: Probe, report: Report) -> Proof:
    answered, wrong = verdicts.answers(report, probe.questions, probe.tolerance)
    found = [*verdicts.life(report, subject.service), *verdicts.confinement(report, subject, engine.proves), *wrong]
    return Proof(
        engine=engine.name,
        unproven=tuple(sorted(set(Property) - engine.proves)),
        load_seconds=report.load_seconds,
        resident=report.resident,
        peak=report.peak,
        answered=answered,
        asked=len(probe.questions),
        first_answer=report.answers[0][1][:EXCERPT] if report.answers else "",
        import_seconds=tuple((name, seconds) for name, seconds, why in report.imports if not why),
        findings=tuple(found),
        log=report.log,
    )
