"""One start of an image: what the driver inside is told, and what it reports."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from slimtorch.errors import ArchiveError, ToolError
from slimtorch.host.engines.model import Command, Container, Property
from slimtorch.host.engines.rooted import absolute
from slimtorch.host.engines.trial import reason
from slimtorch.inventory.service import MADE
from slimtorch.probe.report import Report, parse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from slimtorch.host.engines.model import Engine
    from slimtorch.host.process import Run
    from slimtorch.inventory.service import Service
    from slimtorch.probe.environment import Interpreter

ANSWER_SECONDS, STOP_SECONDS, IMPORT_SECONDS = 60.0, 10.0, 300.0
START_SECONDS = 60.0
"""What an engine may take to make a container and to clear it away."""
SEALED = ("/", "/etc", "/usr/bin", "/opt/venv/bin")
"""Folders, besides the working directory and site-packages, in which nothing may be made."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is started: the image's unpacked `root`, how it wants to run, and its interpreter. `ids` are its user's."""

    root: Path
    service: Service
    python: Interpreter
    ids: tuple[int, int]
    image: str = ""
    """The name of the image in an engine that keeps images."""
    sealed: bool = True
    """Whether the root is mounted read-only."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is done with it: `inputs` posted to `path`, `modules` imported.

    `patience` is what the service has to get healthy, `answering` what it has for all answers together; in seconds.
    """

    inputs: Sequence[Any] = ()
    path: str = "/predict"
    modules: tuple[str, ...] = ()
    patience: float = 120
    answering: float = 300


class OverdueError(ToolError):
    """The engine was there and started, and the run did not come to its end."""


def run_once(engine: Engine, subject: Subject, job: Job, run: Run) -> Report:
    """The report of one start in `engine`.

    Raises:
        ToolError: the engine could not start the image's interpreter, or the driver gave no report.
        OverdueError: the engine had to be stopped, because neither service nor driver came to an end.
        MachineError: the engine is not there.
    """
    service, python = subject.service, subject.python
    script = files("slimtorch.probe.in_image").joinpath("driver.py").read_text(encoding="utf-8")
    driver = Command((f"/{python.real}", "-I", "-S", "-c", script), service.env, service.workdir)
    container = contained(subject, driver)
    order = _order(engine, container, subject, job)
    allowed = order["seconds"] + START_SECONDS + (IMPORT_SECONDS if job.modules else 0)
    began = time.monotonic()
    try:
        done = engine.execute(container, run, stdin=json.dumps(order).encode(), timeout=allowed)
    except ToolError as error:
        if time.monotonic() - began < allowed:
            raise
        raise OverdueError(f"the run did not end within {allowed:g} s", output=error.output) from None
    if done.status != 0:
        raise ToolError(reason(done), output=done.last_lines)
    return parse(done.stdout)


def contained(subject: Subject, command: Command) -> Container:
    """The run of `command` in the image, as its own user."""
    python = f"/{subject.python.real}"
    return Container(command, subject.root, python, subject.image, *subject.ids, _mounts(subject), subject.sealed)


def _mounts(subject: Subject) -> tuple[str, ...]:
    """The writable folders by their real names: an engine may mount before the image's root is the only one."""
    found = []
    for path in subject.service.writable:
        with suppress(ArchiveError):
            real = f"/{absolute(subject.root, path).relative_to(subject.root)}"
            found += [] if f"{real}/".startswith(MADE) or real == "/." else [real]
    return tuple(dict.fromkeys(found))


def _order(engine: Engine, container: Container, subject: Subject, job: Job) -> dict[str, Any]:
    service = subject.service

    def adapted(argv: tuple[str, ...]) -> Command:
        return engine.adapt(Command(argv, service.env, service.workdir), container)

    isolated = Property.READ_ONLY in engine.proves and subject.sealed
    sealed = dict.fromkeys((*SEALED, service.workdir, f"/{subject.python.site_packages}"))
    command = adapted(service.argv)
    return {
        "argv": command.argv,
        "workdir": command.workdir,
        "python": adapted((subject.python.path,)).argv,
        "port": service.port,
        "health": adapted(service.health).argv if service.health else [],
        "health_timeout": service.health_timeout,
        "patience": job.patience,
        "questions": list(job.inputs),
        "question_path": job.path,
        "answer_timeout": ANSWER_SECONDS,
        "answering": job.answering,
        "seconds": job.patience + job.answering + 3 * service.health_timeout + 2 * STOP_SECONDS,
        "imports": job.modules,
        "writable": service.caches if isolated else [],
        "sealed": [path for path in sealed if not _below(path, service.writable)] if isolated else [],
        "stop_signal": service.stop_signal,
        "stop_patience": STOP_SECONDS,
    }


def _below(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)
