"""Starts an image and proves that it works."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from slimtorch import stores
from slimtorch.errors import LockError
from slimtorch.flows import lock as locking
from slimtorch.image import reference as references
from slimtorch.image.reference import Reference
from slimtorch.image.unpack import unpack
from slimtorch.inventory import service
from slimtorch.inventory.files import of_directory
from slimtorch.probe import access, environment, questions, smoke, static
from slimtorch.probe.session import Subject
from slimtorch.project import config, lock_file

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.findings import Finding
    from slimtorch.host.machine import Machine
    from slimtorch.image.model import Image
    from slimtorch.probe.smoke import Probe, Proof
    from slimtorch.project.model import Project

FRAMEWORKS = ("torch", "onnxruntime")
"""Modules that are imported where the image has them, before the service is asked anything."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to verify. `project` gives the held-out answers; `timeout` is in seconds; `record` keeps the load time."""

    reference: str
    project: Path | None = None
    engine: str = ""
    timeout: float = 120
    record: bool = False


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found by looking at the files and by running the service."""

    reference: str
    proof: Proof
    findings: tuple[Finding, ...]


def verify(request: Request, machine: Machine) -> Verified:
    """The proof of one image. What is wrong with the image is a finding, never an exception.

    Raises:
        SlimtorchError: the image cannot be read, or the project is not right.
    """
    project = config.load(request.project) if request.project else None
    if request.record and project is None:
        raise LockError("--record needs the project whose lock it writes to", hint="add --project DIR")
    parsed = references.parse(request.reference)
    image = stores.read(parsed, machine)
    with machine.cache.scratch() as root:
        ownership = os.geteuid() == 0
        with machine.progress.task("unpacking", 0) as task:
            unpack(image.layers, root, ownership=ownership, on_bytes=task.advance)
        verified = _look(image, parsed, root, request, project, machine)
    if request.record and project is not None:
        _record(project, verified.proof.load_seconds)
    return verified


def _look(
    image: Image, parsed: Reference, root: Path, request: Request, project: Project | None, machine: Machine
) -> Verified:
    wanted = service.of_settings(image.settings)
    files = of_directory(root, owners=os.geteuid() == 0)
    with machine.progress.task("checking files", 0):
        found = static.inspect(files, wanted)
    python = environment.interpreter(files, wanted)
    ids = access.user(files, wanted)
    proof = smoke.Proof()
    if python is not None and ids is not None and wanted.argv:  # else a finding says what is missing
        modules = tuple(name for name in FRAMEWORKS if f"{python.site_packages}/{name}/__init__.py" in files)
        subject = Subject(root, wanted, python, ids)
        with Loaded(image, parsed, machine) as loaded, machine.progress.task("running", 0):
            proof = smoke.prove(subject, _probe(request, project, modules), machine.run, loaded.load)
    return Verified(str(replace(parsed, digest=image.digest)), proof, (*found, *proof.findings))


def _probe(request: Request, project: Project | None, modules: tuple[str, ...]) -> Probe:
    probe = smoke.Probe(modules=modules, patience=request.timeout, engine=request.engine)
    if project is None or project.check.file is None:
        return probe
    return replace(
        probe,
        questions=questions.load(project.check.file),
        question_path=project.check.path,
        tolerance=project.check.tolerance,
    )


class Loaded:
    """Puts the image into engines that keep images, when one asks; takes out again what it put in."""

    def __init__(self, image: Image, parsed: Reference, machine: Machine) -> None:
        self._image, self._parsed, self._machine = image, parsed, machine
        self._names: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for engine, name in self._names:
            self._machine.run([engine, "rmi", name], timeout=60)

    def load(self, engine: str) -> str:
        """The image's name in `engine`."""
        if self._parsed.scheme == engine:
            return self._parsed.location
        name = f"slimtorch-verify:{self._image.digest.hex[:12]}"
        stores.write(self._image, Reference(engine, name), self._machine)
        self._names.append((engine, name))
        return name


def _record(project: Project, load_seconds: float | None) -> None:
    if load_seconds is None:
        return
    path = locking.lock_path(project)
    lock_file.write(path, replace(lock_file.read(path), load_seconds=round(load_seconds, 2)))
