"""Watches an image at work: which files its processes open, which modules they import and what they look for."""

from __future__ import annotations

import os
import posixpath
import shlex
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import TYPE_CHECKING, Protocol, Self

from slimtorch.errors import MachineError, SlimtorchError
from slimtorch.findings import Rule, Severity
from slimtorch.host.access_times import AccessTimes
from slimtorch.host.engines import ENGINES
from slimtorch.host.engines.model import Command
from slimtorch.host.engines.rooted import absolute
from slimtorch.host.fanotify import Fanotify
from slimtorch.host.fifo import Fifo
from slimtorch.probe import rules, verdicts
from slimtorch.probe.session import Job, OverdueError, contained, run_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from slimtorch.findings import Finding
    from slimtorch.host.engines.model import Engine
    from slimtorch.host.process import Run
    from slimtorch.probe.session import Subject
    from slimtorch.probe.smoke import Probe

TRACER = "_slimtorch_tracer"
ODD = (None, {"slimtorch": "no service expects this"})
"""Posted after a second start, so that what refuses bad input is reached too; the answers are not judged."""
COMMAND_FAILS = Rule(
    "TRC801", Severity.ERROR, "every command given with `--run` ends with exit status 0",
    "what a command would have touched after it failed is not known, and would be removed",
    "let it succeed in the image as it is: read-only but for /tmp and the caches, without a network",
)  # fmt: skip
RULES = (COMMAND_FAILS,)
PROBE, ODD_INPUT = "the probe", "odd input"


class Watch(Protocol):
    """Sees which files of a folder are used while its context lasts."""

    method: str
    needs_writable_root: bool

    def __enter__(self) -> Self:
        """Starts to watch."""
        ...

    def __exit__(self, *exc: object) -> None:
        """Ends to watch."""
        ...

    def touched(self) -> frozenset[str]:
        """The paths, relative to the folder."""
        ...


METHODS: dict[str, tuple[Callable[[Path], Watch], ...]] = {
    "fanotify": (Fanotify,),
    "atime": (AccessTimes,),
    "": (Fanotify, AccessTimes),
}
"""What each name of a method stands for: watches that are tried in this order."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run: the `probe`, and `commands` in the image. `method` is a key of `METHODS`."""

    probe: Probe
    commands: tuple[tuple[str, ...], ...] = ()
    method: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen: `runs` in words, paths relative to the root, modules with the first module that imported them.

    `asked_for` are files whose state Python code asked for; a path may also be one that a run made, or none at all.
    Where a finding is an error, not everything ran.
    """

    method: str
    engine: str
    runs: tuple[str, ...]
    opened: frozenset[str]
    asked_for: frozenset[str]
    imports: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def watch(subject: Subject, plan: Plan, run: Run, *, engines: Sequence[Engine] = ENGINES) -> Watched:
    """What the image at `subject.root` touches at work. The root has to be a copy that is thrown away.

    Raises:
        MachineError: nothing on this machine can watch, or no engine can start the image; the message says why.
    """
    site = absolute(subject.root, subject.python.site_packages)
    with ExitStack() as stack:
        said = stack.enter_context(_planted(site))
        watching = stack.enter_context(_entered(subject.root, METHODS[plan.method]))
        placed = replace(subject, sealed=not watching.needs_writable_root)
        engine, findings = _everything(placed, plan, run, engines)
    asked_for, imports = _said(said.lines, subject.root)
    method = watching.method if imports else f"{watching.method}, blind for Python's imports and stats"
    runs = tuple(_names(subject, plan))
    return Watched(method, engine, runs, watching.touched(), asked_for, imports, tuple(findings))


@contextmanager
def _planted(site: Path) -> Iterator[Fifo]:
    """The tracer in the image's site-packages, where every interpreter starts it; gone when the context ends."""
    source = resources.files("slimtorch.probe.in_image").joinpath("tracer.py").read_bytes()
    planted = {site / f"{TRACER}.py": source, site / f"{TRACER}.pth": f"import {TRACER}\n".encode()}
    try:
        for path, data in planted.items():
            path.write_bytes(data)
            path.chmod(0o644)
        with Fifo(site / f"{TRACER}.pipe") as fifo:
            yield fifo
    except OSError as error:
        raise MachineError(f"{site.name} of the unpacked image cannot be written to: {error.strerror}") from None
    finally:
        for path in (*planted, *site.glob(f"__pycache__/{TRACER}.*.pyc")):
            path.unlink(missing_ok=True)


@contextmanager
def _entered(root: Path, watches: Sequence[Callable[[Path], Watch]]) -> Iterator[Watch]:
    reasons = []
    with ExitStack() as stack:
        for kind in watches:
            try:
                watching = stack.enter_context(kind(root))
            except MachineError as error:
                reasons.append(error.message)
                continue
            yield watching
            return
    raise MachineError(
        f"which files the image uses cannot be seen on this machine: {'; '.join(reasons)}",
        hint="trace as root or on Linux 5.13 or newer, or put the cache on a file system without noatime (--cache-dir)",
    )


def _everything(subject: Subject, plan: Plan, run: Run, engines: Sequence[Engine]) -> tuple[str, list[Finding]]:
    """The engine that all runs used, and what went wrong in them."""
    skipped = []
    for engine in engines:
        if plan.probe.engine not in {"", engine.name}:
            continue
        try:
            if why := "its files cannot be watched" if engine.keeps_images else engine.obstacle(run):
                skipped.append((engine.name, why))
                continue
            findings = _service(engine, subject, plan.probe, run) if subject.service.argv else []
        except OverdueError as error:
            return engine.name, [rules.OVERDUE.finding(verdicts.with_log(error.message, error.output.splitlines()))]
        except SlimtorchError as error:
            skipped.append((engine.name, error.message.splitlines()[0]))
            continue
        return engine.name, [*findings, *_commands(engine, subject, plan, run)]
    reasons = "".join(f"\n  {name}: {why}" for name, why in skipped) or f"\n  {plan.probe.engine}: there is none"
    raise MachineError(f"no engine on this machine could start the image:{reasons}", hint=rules.ENGINE.fix)


def _service(engine: Engine, subject: Subject, probe: Probe, run: Run) -> list[Finding]:
    inputs = [question.input for question in probe.questions]
    report = run_once(
        engine, subject, Job(inputs, probe.question_path, probe.modules, probe.patience, probe.answering), run
    )
    _, wrong = verdicts.answers(report, probe.questions, probe.tolerance)
    findings = [*verdicts.life(report, subject.service), *wrong]
    if report.load_seconds is not None:
        with suppress(SlimtorchError):
            run_once(engine, subject, Job(ODD, probe.question_path, (), probe.patience, probe.patience), run)
    return findings


def _commands(engine: Engine, subject: Subject, plan: Plan, run: Run) -> Iterator[Finding]:
    for argv in plan.commands:
        command = Command(argv, subject.service.env, subject.service.workdir)
        try:
            done = engine.execute(contained(subject, command), run, timeout=plan.probe.patience)
        except SlimtorchError as error:
            yield COMMAND_FAILS.finding(f"`{shlex.join(argv)}`: {error.message}")
            continue
        if done.status != 0:
            ended = f"`{shlex.join(argv)}` ended with exit status {done.status}"
            yield COMMAND_FAILS.finding(verdicts.with_log(ended, done.last_lines.splitlines()))


def _names(subject: Subject, plan: Plan) -> Iterator[str]:
    if subject.service.argv:
        yield PROBE if not plan.probe.questions else f"{PROBE} with {len(plan.probe.questions)} held-out inputs"
        yield ODD_INPUT
    yield from (f"`{shlex.join(argv)}`" for argv in plan.commands)


def _said(lines: Mapping[bytes, None], root: Path) -> tuple[frozenset[str], dict[str, str]]:
    """What the tracer said; who wrote the lines is not known, so that each is only taken as a hint to keep."""
    asked_for, imports = set(), dict[str, str]()
    prefix = f"{root}/"
    for line in lines:
        kind, _, rest = line.partition(b"\0")
        what, _, who = rest.partition(b"\0")
        if kind == b"look" and what.startswith(b"/"):
            # In the engine that isolates nothing, paths are this machine's.
            path = os.fsdecode(what)
            asked_for.add(posixpath.normpath(f"/{path.removeprefix(prefix)}").lstrip("/"))
        elif kind == b"import" and what:
            imports.setdefault(what.decode(errors="replace"), who.decode(errors="replace"))
    return frozenset(asked_for), imports
