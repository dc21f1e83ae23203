"""From what happened in a run to findings. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from slimtorch.host.engines.model import Property
from slimtorch.inventory.service import signal_name
from slimtorch.probe import rules
from slimtorch.probe.questions import ENOUGH, difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from slimtorch.findings import Finding
    from slimtorch.inventory.service import Service
    from slimtorch.probe.questions import Question
    from slimtorch.probe.report import Report
    from slimtorch.probe.session import Subject

SHOWN_LINES = 20
SHOWN_ANSWERS = 3
UNAVAILABLE = frozenset({0, 502, 503, 504})
"""Answers that say "not now" (RFC 9110, 15.6); 0 means that there was none."""
BLOCKED = "0000000000000000"


def life(report: Report, service: Service) -> Iterator[Finding]:
    """Imports, the way to healthy, the health check and the end."""
    for name, _, why in report.imports:
        if why:
            yield rules.IMPORT.finding(f"import {name}: {why}")
    if report.port_taken:
        yield rules.PORT.finding(f"something else already listens on port {service.port}")
        return
    if report.overdue:
        yield rules.OVERDUE.finding(with_log(report.overdue, report.log))
    if report.load_seconds is None:
        yield rules.NEVER_WELL.finding(never_well(report))
        return
    if report.health is not None and report.health[0] != 0:
        yield rules.CHECK_FAILS.finding(f"the health check said: {report.health[1] or report.health[0]}")
    if report.health_after_stop is not None and report.health_after_stop[0] == 0:
        yield rules.CHECK_LIES.finding(f"the service is down, and the health check says: {report.health_after_stop[1]}")
    if report.stop_seconds is None:
        name = signal_name(service.stop_signal)
        yield rules.STOP.finding(f"the service did not end after {name} and had to be killed")


def never_well(report: Report) -> str:
    """Why the service did not get healthy, with its last lines."""
    ended = f"the service ended with exit status {report.exit}" if report.exit is not None else ""
    why = ended or f"the service did not get healthy; its health check said: {report.said or 'nothing'}"
    return with_log(why, report.log)


def with_log(what: str, log: Sequence[str]) -> str:
    """What happened, with the last lines that were printed."""
    lines = "".join(f"\n  {line}" for line in log[-SHOWN_LINES:])
    return f"{what}{'; its last lines:' + lines if lines else ' and printed nothing'}"


def confinement(report: Report, subject: Subject, proves: frozenset[Property]) -> Iterator[Finding]:
    """Who the service was, and what it could write; only what the engine enforces is judged."""
    seen, wanted = report.identity, subject.ids[0]
    if Property.USER in proves and seen.get("uid") != wanted:
        yield rules.IDENTITY.finding(f"the service ran as user {seen.get('uid')}, the image names {wanted}")
    if Property.USER in proves and seen.get("uid") == 0:
        yield rules.IDENTITY.finding("the service ran as root")
    if Property.CAPABILITIES in proves and seen.get("CapEff", BLOCKED) != BLOCKED:
        yield rules.PRIVILEGES.finding(f"the service held the capabilities {seen['CapEff']}")
    if Property.PRIVILEGES in proves and seen.get("NoNewPrivs", "1") != "1":
        yield rules.PRIVILEGES.finding("the service could gain privileges")
    for path in report.written:
        yield rules.SEALED.finding("a file could be made here", path)
    for path, why in report.unwritable:
        yield rules.UNWRITABLE.finding(f"{_named(subject.service, path)} cannot be written: {why}", path)


def _named(service: Service, path: str) -> str:
    names = [name for name, value in service.env.items() if value == path]
    return f"{names[0]}={path}" if names else path


def answers(report: Report, questions: Sequence[Question], tolerance: float) -> tuple[int, list[Finding]]:
    """How many questions were answered rightly, and what is to say about the others."""
    if report.load_seconds is None:
        return 0, []
    found: list[Finding] = []
    if report.answers and report.answers[0][0] in UNAVAILABLE and not _timed_out(report.answers[0]):
        found.append(rules.TOO_EARLY.finding(f"healthy, but the first question got {_short(report.answers[0])}"))
    pairs = list(zip(questions, report.answers, strict=False))
    wrong = [(n, why) for n, (question, got) in enumerate(pairs, 1) if (why := _wrong(question, got, tolerance))]
    if wrong:
        listed = "".join(f"\n  {number}: {why}" for number, why in wrong[:SHOWN_ANSWERS])
        found.append(rules.ANSWER.finding(f"{len(wrong)} of {len(questions)} answers are wrong:{listed}"))
    if len(questions) < ENOUGH:
        found.append(rules.QUESTIONS.finding(f"{len(questions)} held-out inputs were given"))
    return len(pairs) - len(wrong), found


def _timed_out(got: tuple[int, str]) -> bool:
    """Whether the service took the question and let it wait: not early, but slow."""
    return got[0] == 0 and got[1].startswith("TimeoutError")


def _wrong(question: Question, got: tuple[int, str], tolerance: float) -> str:
    status, body = got
    if not 200 <= status < 300:
        return _short(got)
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return f"no JSON: {body[:80]!r}"
    try:
        return difference(question.output, value, tolerance)
    except (OverflowError, RecursionError):
        return f"nothing that can be compared: {body[:80]!r}"


def _short(got: tuple[int, str]) -> str:
    status, body = got
    return f"status {status}: {body[:80]}" if status else f"no answer ({body[:80]})"


def as_other_user(report: Report, questions: Sequence[Question], tolerance: float, uid: int) -> list[Finding]:
    """What goes wrong only as this user."""
    if report.load_seconds is None:
        return [rules.OTHER_USER.finding(f"as user {uid}: {never_well(report)}")]
    found = [rules.OTHER_USER.finding(f"as user {uid}: {path}: {why}", path) for path, why in report.unwritable]
    _, wrong = answers(report, questions, tolerance)
    errors = [finding for finding in wrong if finding.severity is rules.ERROR]
    late = [rules.OTHER_USER.finding(f"as user {uid}: {report.overdue}")] if report.overdue else []
    return [*found, *late, *(rules.OTHER_USER.finding(f"as user {uid}: {finding.message}") for finding in errors)]
