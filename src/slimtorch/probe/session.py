"""One start of an image: what the driver inside is told, and what it reports."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from slimtorch.errors import ToolError
from slimtorch.host.engines.model import Command, Container, Property
from slimtorch.host.engines.trial import reason

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from slimtorch.host.engines.model import Engine
    from slimtorch.host.process import Run
    from slimtorch.inventory.service import Service
    from slimtorch.probe.environment import Interpreter

ANSWER_SECONDS, STOP_SECONDS, IMPORT_SECONDS = 60.0, 10.0, 300.0
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


@dataclass(frozen=True, slots=True)
class Job:
    """What is done with it: `inputs` posted to `path`, `modules` imported, `patience` seconds to get healthy."""

    inputs: Sequence[Any] = ()
    path: str = "/predict"
    modules: tuple[str, ...] = ()
    patience: float = 120


@dataclass(frozen=True, slots=True)
class Report:
    """What happened. Times in seconds, memory in bytes; `health` and `health_after_stop` are (exit status, output)."""

    identity: dict[str, Any]
    written: tuple[str, ...] = ()
    unwritable: tuple[tuple[str, str], ...] = ()
    imports: tuple[tuple[str, float, str], ...] = ()
    port_taken: bool = False
    load_seconds: float | None = None
    answers: tuple[tuple[int, str], ...] = ()
    resident: int = 0
    peak: int = 0
    health: tuple[int, str] | None = None
    health_after_stop: tuple[int, str] | None = None
    exit: int | None = None
    stop_seconds: float | None = None
    stop_status: int | None = None
    log: tuple[str, ...] = ()
    said: str = ""


def run_once(engine: Engine, subject: Subject, job: Job, run: Run) -> Report:
    """The report of one start in `engine`.

    Raises:
        ToolError: the engine could not start the image's interpreter, or the driver did not come to its end.
        MachineError: the engine is not there.
    """
    service, python = subject.service, subject.python
    script = files("slimtorch.probe.in_image").joinpath("driver.py").read_text(encoding="utf-8")
    driver = Command((f"/{python.real}", "-I", "-S", "-c", script), service.env, service.workdir)
    container = Container(
        driver, subject.root, f"/{python.real}", subject.image, *subject.ids, writable=service.writable
    )
    order = _order(engine, container, subject, job)
    allowed = job.patience + STOP_SECONDS + 60 + ANSWER_SECONDS + (IMPORT_SECONDS if job.modules else 0)
    done = engine.execute(container, run, stdin=json.dumps(order).encode(), timeout=allowed)
    if done.status != 0:
        raise ToolError(reason(done), output=done.last_lines)
    return _report(done.stdout)


def _order(engine: Engine, container: Container, subject: Subject, job: Job) -> dict[str, Any]:
    service = subject.service

    def adapted(argv: tuple[str, ...]) -> Command:
        return engine.adapt(Command(argv, service.env, service.workdir), container)

    isolated = Property.READ_ONLY in engine.proves
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
        "imports": job.modules,
        "writable": service.caches if isolated else [],
        "sealed": [path for path in sealed if not _below(path, service.writable)] if isolated else [],
        "stop_signal": service.stop_signal,
        "stop_patience": STOP_SECONDS,
    }


def _below(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def _report(output: bytes) -> Report:
    """The driver is ours, but what it runs in is not: what it prints is checked."""
    try:
        value = json.loads(output.decode(errors="replace").splitlines()[-1])
        known = {name: _frozen(value[name]) for name in Report.__slots__ if name in value}
        return Report(**known)
    except (ValueError, IndexError, TypeError, KeyError):
        raise ToolError(
            "the driver in the image gave no report", output=output[-500:].decode(errors="replace")
        ) from None


def _frozen(value: Any) -> Any:  # noqa: ANN401  (any JSON value)
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
