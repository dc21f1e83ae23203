"""What could be swapped for something smaller, with the evidence; nothing is changed here."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from slimtorch.deps.model import Verdict
from slimtorch.inventory.code.model import Form, Role
from slimtorch.project.declared.model import PRODUCTION
from slimtorch.tables import swaps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from slimtorch.deps.device.decide import Decision
    from slimtorch.deps.model import Dependency, Evidence
    from slimtorch.findings import Location
    from slimtorch.inventory.code.model import Code, Reference
    from slimtorch.inventory.distributions import Distribution
    from slimtorch.project.declared.model import Declared
    from slimtorch.tables.swaps import Few, Twin

_OLD_CUDA = re.compile(r"(nvidia-[a-z0-9-]+)-cu(\d+)")
_NEW_CUDA = frozenset(
    {
        "nvidia-cublas",
        "nvidia-cuda-runtime",
        "nvidia-cuda-nvrtc",
        "nvidia-cuda-cupti",
        "nvidia-nvjitlink",
        "nvidia-nvtx",
    }
)
"""Libraries whose own version is CUDA's; cuFFT and others count for themselves."""
_CUDA_ONNX = frozenset({"'CUDAExecutionProvider'", "'TensorrtExecutionProvider'"})
_GPU_USE = re.compile(r"(?:faiss|onnxruntime|tensorflow|xgboost)\..*(?:gpu|cuda).*", re.IGNORECASE)
"""Uses of a library that has a twin, which only its build for GPUs has."""
CUDA_TORCH = "CUDA torch"
TO_CPU = 'write device = "cpu" below [torch] in slimtorch.toml'
"""How CUDA torch is swapped."""
_BY_ITSELF = frozenset({"paddlepaddle-gpu"})
"""Computes on a GPU without being told."""
_FRAMEWORKS = {"tensorflow": ("tensorflow", "keras", "tf_keras")}
"""What may be left over beside torch, and the modules that would show that it is not."""


class Action(StrEnum):
    """What has to be done to take a proposal."""

    REPLACE = "replace"
    REMOVE = "remove"
    CPU = "device"
    """Set ``[torch] device = "cpu"``."""
    BY_HAND = "by hand"
    """The code or another requirement has to change first."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One swap: `remove` for `add` (nothing: it only goes), why it would do, and what that rests on."""

    remove: str
    add: tuple[str, ...]
    action: Action
    why: str
    evidence: str
    declared: tuple[Declared, ...] = ()

    @property
    def locations(self) -> tuple[Location, ...]:
        """Where the requirement stands."""
        return tuple(one.location for one in self.declared)


def builds() -> frozenset[str]:
    """Builds for GPUs that have a twin and compute on a GPU only where they are told to.

    That one of them is installed is no sign of a GPU where the twin is judged: leave them out of the decision.
    """
    return frozenset(one.remove for one in swaps.twins() if one.when == "no-gpu" and one.add) - _BY_ITSELF


def proposals(evidence: Evidence, dependencies: Sequence[Dependency], decision: Decision) -> tuple[Proposal, ...]:
    """Every swap that the evidence allows. `decision` is the device that was declared, or decided without `builds`.

    What only groups of development declare stays: it is in no image.
    """
    known = {one.name: one for one in dependencies if any(item.group == PRODUCTION for item in one.declared)}
    found = [
        *_cpu_torch(evidence, decision),
        *(one for twin in swaps.twins() if (one := _twin(twin, known, evidence, decision))),
        *_left_over(known, evidence.code),
        *_second_cuda(evidence.distributions),
        *(one for few in swaps.few() if (one := _for_a_few(few, known, evidence.code))),
    ]
    first: dict[str, Proposal] = {}
    for one in found:
        first.setdefault(one.remove, one)
    return tuple(first.values())


def _cpu_torch(evidence: Evidence, decision: Decision) -> Iterator[Proposal]:
    distributions = evidence.distributions
    parts = [name for name in distributions if name.startswith(("nvidia-", "cuda-")) or name == "triton"]
    seen = _no_gpu(evidence.code, decision)
    if not seen or "torch" not in distributions or not parts:
        return
    why = f"torch {distributions['torch'].version} brings {len(parts)} packages of CUDA that nothing uses"
    yield Proposal(CUDA_TORCH, ("CPU torch",), Action.CPU, why, seen)


def _twin(twin: Twin, known: Mapping[str, Dependency], evidence: Evidence, decision: Decision) -> Proposal | None:
    held = known.get(twin.remove)
    if held is None or held.needed_by or held.verdict in {Verdict.UNUSED, Verdict.MISSING}:
        return None
    seen = _condition(twin.when, held, evidence.code, decision)
    if not seen:
        return None
    add = tuple(name for name in twin.add if name not in known)
    return Proposal(
        twin.remove, add, Action.REPLACE if add else Action.REMOVE, twin.why, seen, held.declared
    )  # fmt: skip


def _condition(when: str, held: Dependency, code: Code, decision: Decision) -> str:
    """What was seen that makes the twin enough; '' where it is not."""
    if when == "gui":
        return _no_window(code)
    if when == "no-gpu":
        return _no_gpu(code, decision)
    if when == "gpu":
        asked = next((one for one in _service(code) if one.name in _CUDA_ONNX), None)
        return f"{_at(asked.location)} names {asked.name}" if asked and decision.device != "cpu" else ""
    return held.evidence


def _no_gpu(code: Code, decision: Decision) -> str:
    """What says that there is no GPU; '' where one may be used. A decision without files was declared."""
    if decision.device != "cpu":
        return ""
    if not decision.files:
        return 'the project says device = "cpu"'
    names = [one.name for one in _service(code)]
    names += [f"{one.module}.{name}" for one in code.imports if one.role is Role.SERVICE for name in one.names]
    if any(map(_GPU_USE.fullmatch, names)):
        return ""
    many = decision.files > 1
    return f"none of {decision.files} source files uses a GPU" if many else "the source file does not use a GPU"


def _service(code: Code) -> Iterator[Reference]:
    return (one for one in code.references if one.role is Role.SERVICE)


def _no_window(code: Code) -> str:
    used = [one for one in _service(code) if one.name.startswith("cv2.")]
    everything = any(one.top == "cv2" and "*" in one.names for one in code.imports)
    if everything or any(one.name in swaps.windows() for one in used):
        return ""
    imported = {name for one in code.imports if one.top == "cv2" and one.role is Role.SERVICE for name in one.names}
    if any(f"cv2.{name}" in swaps.windows() for name in imported):
        return ""
    return f"{len(used)} use{'s' if len(used) != 1 else ''} of cv2, and none opens a window"


def _left_over(known: Mapping[str, Dependency], code: Code) -> Iterator[Proposal]:
    imported = {one.top for one in code.imports if one.role is Role.SERVICE and one.form is not Form.TYPING}
    for name, modules in _FRAMEWORKS.items():
        if name in known and "torch" in imported and imported.isdisjoint(modules):
            seen = "the service imports torch, and nothing of it"
            yield Proposal(name, (), Action.REMOVE, "a second framework, left over", seen, known[name].declared)


def _second_cuda(distributions: Mapping[str, Distribution]) -> Iterator[Proposal]:
    majors: defaultdict[str, list[str]] = defaultdict(list)
    for name, held in distributions.items():
        if old := _OLD_CUDA.fullmatch(name):
            majors[old[2]].append(name)
        elif name in _NEW_CUDA:
            majors[held.version.partition(".")[0]].append(name)
    if len(majors) < 2:
        return
    oldest = min(majors, key=int)
    parts = sorted(majors[oldest], key=lambda name: -distributions[name].packed)
    others = " and ".join(sorted(set(majors) - {oldest}, key=int))
    why = f"CUDA {oldest} beside CUDA {others}: two copies of the same libraries"
    needers = sorted({one.name for one in distributions.values() if _needs(one, parts)} - set(parts))
    seen = f"{', '.join(parts[:3])} and {len(parts)} in all" if len(parts) > 3 else ", ".join(parts)
    by = f", for {', '.join(needers)}" if needers else ""
    yield Proposal(f"CUDA {oldest}", (), Action.BY_HAND, why, f"{seen}{by}")


def _needs(one: Distribution, parts: Iterable[str]) -> bool:
    names = {re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0].lower().replace("_", "-") for line in one.requires}
    return not names.isdisjoint(parts)


def _for_a_few(few: Few, known: Mapping[str, Dependency], code: Code) -> Proposal | None:
    held = known.get(few.module)
    if held is None or held.needed_by or held.verdict is not Verdict.USED:
        return None
    used = {one.name: one.location for one in _service(code) if one.name.startswith(f"{few.module}.")}
    for one in code.imports:
        if one.top == few.module and one.role is Role.SERVICE:
            used |= {f"{one.module}.{name}": one.location for name in one.names or (one.module,)}
    deepest = {name: at for name, at in used.items() if not any(other.startswith(f"{name}.") for other in used)}
    if not 0 < len(deepest) <= few.most or any(f"{name}.".startswith(f"{no}.") for name in used for no in few.without):
        return None
    seen = "only " + ", ".join(f"{name} ({_at(at)})" for name, at in sorted(deepest.items()))
    return Proposal(few.module, (), Action.BY_HAND, f"{few.instead} would do", seen, held.declared)


def _at(location: Location) -> str:
    return f"{location.path}:{location.line}"
