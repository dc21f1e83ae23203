"""The device of a project that names none: its code is read where there is a torch to choose, and it is said why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slimtorch.build import service_code
from slimtorch.deps.device import decide as device
from slimtorch.deps.device import texts as device_texts
from slimtorch.project.sizes import written
from slimtorch.sources import app, cuda_error, torch_build

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from slimtorch.deps.device.decide import Decision, Reason
    from slimtorch.inventory.code.model import Code
    from slimtorch.project.declared.model import Declared
    from slimtorch.project.facts import Named
    from slimtorch.project.lock import Lock
    from slimtorch.project.model import Project
    from slimtorch.sources.request import Request, Resolution

CHOOSE = '[torch] device = "cpu" or "cuda" settles it'


@dataclass(slots=True)
class Undeclared:
    """Decides for one project; what was read and decided is kept, so that every platform gets the same answer."""

    project: Project
    declared: Sequence[Declared]
    decision: Decision | None = None
    _read: list[tuple[Code, tuple[Reason, ...]]] = field(default_factory=list)

    def decide(self, packages: Iterable[Named], needers: Sequence[str] = ()) -> str:
        """The device, as `torch_build.Decide` asks for it. A later platform can only take a ``cpu`` back."""
        if not self._read:
            self._read.append(_evidence(self.project))
        code, texts = self._read[0]
        found = device.decide(code, self.declared, packages, texts=texts, needers=needers)
        if self.decision is None or found.device != "cpu":
            self.decision = found
        return found.device


def changed(project: Project, lock: Lock) -> str:
    """What to say where the code uses a GPU now and the lock was made without one; '' where all is as it was."""
    if lock.device != "cpu" or project.torch.device:
        return ""
    undeclared = Undeclared(project, ())
    for platform in lock.platforms.values():
        undeclared.decide(platform.wheels)
    found = undeclared.decision
    if found is None or found.device == "cpu":
        return ""
    return f"{found.first}, and the lock was made for the CPU, as nothing used a GPU then; run `slimtorch lock`"


def said(found: Decision, wheels: Resolution, request: Request) -> str:
    """The note about a decision: the device, the evidence, and the megabytes."""
    cuda = [wheel for wheel in torch_build.offenders(wheels.wheels, request.target) if wheel.size]
    if found.device == "cpu":
        return _for_cpu(found, wheels, request)
    place = found.first + _more(found)
    if not cuda:
        does = "needs" if found.certain else "may use"
        way = CHOOSE if _torch(wheels) else "onnxruntime-gpu is the one for GPUs"
        return f"the service {does} a GPU ({place}), and what resolves has no CUDA; {way}"
    amount = cuda_error.amount(cuda)
    if found.certain:
        return f"the service needs a GPU ({place}): CUDA stays, {amount}"
    return f'the service may use a GPU ({place}): CUDA stays; [torch] device = "cpu" would save {amount}'


def _torch(wheels: Resolution) -> bool:
    return any(wheel.name == "torch" for wheel in wheels.wheels)


def _more(found: Decision) -> str:
    more = len({place for _, place in found.reasons}) - 1
    return f", and {more} more sign{'s' if more > 1 else ''}" if more > 0 else ""


def _for_cpu(found: Decision, wheels: Resolution, request: Request) -> str:
    files = f"{found.files} source files" if found.files > 1 else "source file"
    nothing = f"nothing in the {files} of the service uses a GPU"
    if wheels.unmet:
        cuda = torch_build.offenders(wheels.wheels, request.target)
        largest = max(cuda, key=lambda wheel: wheel.size)
        return (
            f"{nothing}, but CUDA comes in for {request.target.platform}: {cuda_error.amount(cuda)}, the largest file "
            f"{largest.filename} ({written(largest.size)}). No build of torch without it was found ({wheels.unmet}): "
            "serve a +cpu build by an index or a --find-links folder, or say that it is meant: "
            '[torch] device = "cuda"'
        )
    if not _torch(wheels):
        return f"{nothing}: it computes on the CPU"
    saved = f", which saves {written(wheels.saved)} for {request.target.platform}" if wheels.saved > 0 else ""
    return f'{nothing}: torch is taken for the CPU{saved}; [torch] device = "cuda" takes the other'


def _evidence(project: Project) -> tuple[Code, tuple[Reason, ...]]:
    code = service_code.read(project)
    service = device_texts.of_service(project.service.command, project.service.env, project.config_path.name)
    return code, (*service, *device_texts.of_files(project.root, app.paths(project), code))
