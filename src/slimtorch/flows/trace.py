"""Runs an image and records what it uses of its packages."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from slimtorch import stores
from slimtorch.errors import ImageError, UsageError
from slimtorch.findings import Severity
from slimtorch.host.rewrite import rewrite
from slimtorch.image import reference as references
from slimtorch.image.unpack import unpack
from slimtorch.inventory import service
from slimtorch.inventory.files import of_directory
from slimtorch.probe import access, environment, questions, tracing
from slimtorch.probe.session import Subject
from slimtorch.probe.smoke import Probe
from slimtorch.project import config
from slimtorch.slim import subject as subjects
from slimtorch.slim import trace as traces
from slimtorch.slim import trace_file

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.findings import Finding
    from slimtorch.host.machine import Machine
    from slimtorch.image.model import Image
    from slimtorch.inventory.files import Files
    from slimtorch.probe.tracing import Watched
    from slimtorch.project.model import Project
    from slimtorch.slim.trace import Trace

FRAMEWORKS = ("torch", "onnxruntime")
"""Modules that ``verify`` imports where the image has them, and so has to find after slimming too."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to run. `project` gives the held-out inputs; `commands` are run in the image besides; `timeout` in seconds.

    `merge` are records of earlier traces that the new one is added to. `method` and `engine` '' mean the first that
    works.
    """

    reference: str
    output: Path
    project: Path | None = None
    commands: tuple[tuple[str, ...], ...] = ()
    merge: tuple[Path, ...] = ()
    method: str = ""
    engine: str = ""
    timeout: float = 120


@dataclass(frozen=True, slots=True)
class Traced:
    """The record, which was written only if no finding is an error."""

    reference: str
    trace: Trace
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        """Whether something did not run as it should, so that nothing was written."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def trace(request: Request, machine: Machine) -> Traced:
    """What the image used; written to `request.output` unless something in it did not work.

    Raises:
        SlimtorchError: the image or an earlier record cannot be read, the image has nothing to run, or this machine
            cannot watch it.
    """
    project = config.load(request.project) if request.project else None
    earlier = [trace_file.read(path) for path in request.merge]
    parsed = references.parse(request.reference)
    image = stores.read(parsed, machine)
    with machine.cache.scratch() as root:
        with machine.progress.task("unpacking", 0) as task:
            unpack(image.layers, root, ownership=os.geteuid() == 0, on_bytes=task.advance)
        watched, new = _watch(image, root, request, project, machine)
    found = Traced(str(replace(parsed, digest=image.digest)), traces.merged([*earlier, new]), watched.findings)
    if not found.failed:
        rewrite({request.output: trace_file.dump(found.trace)})
    return found


def _watch(
    image: Image, root: Path, request: Request, project: Project | None, machine: Machine
) -> tuple[Watched, Trace]:
    files = of_directory(root, owners=os.geteuid() == 0)
    place = subjects.located(root)
    if place is None:
        raise ImageError(f"{request.reference} has no Python packages", hint="there is nothing in it to trace")
    installed = subjects.of_folder(place)
    owned = traces.owned(installed.files, installed.sites, installed.owners)
    subject = _subject(image, root, files, request)
    plan = tracing.Plan(_probe(request, project, files, subject), request.commands, request.method)
    with machine.progress.task("running", 0):
        watched = tracing.watch(subject, plan, machine.run)
    asked_for = frozenset(real for path in watched.asked_for if (real := files.file(path)))
    used = traces.packages(installed.files, owned, watched.opened, asked_for, watched.imports)
    runs = tuple(traces.Run(what, watched.method, watched.engine) for what in watched.runs)
    return watched, traces.Trace((str(image.digest),), runs, used)


def _subject(image: Image, root: Path, files: Files, request: Request) -> Subject:
    wanted = service.of_settings(image.settings)
    python, ids = environment.interpreter(files, wanted), access.user(files, wanted)
    if python is None or ids is None:
        lacks = "no Python that can be started" if python is None else f"no user {wanted.user!r} in its /etc/passwd"
        raise ImageError(f"{request.reference} has {lacks}", hint="`slimtorch verify` lists everything that is wrong")
    if not wanted.argv and not request.commands:
        raise UsageError(f"{request.reference} has no command", hint='say what to run: --run "python job.py"')
    return Subject(root, wanted, python, ids)


def _probe(request: Request, project: Project | None, files: Files, subject: Subject) -> Probe:
    site = subject.python.site_packages
    modules = tuple(name for name in FRAMEWORKS if f"{site}/{name}/__init__.py" in files)
    probe = Probe(modules=modules, patience=request.timeout, engine=request.engine)
    if project is None or project.check.file is None:
        return probe
    return replace(
        probe,
        questions=questions.load(project.check.file),
        question_path=project.check.path,
        tolerance=project.check.tolerance,
    )
