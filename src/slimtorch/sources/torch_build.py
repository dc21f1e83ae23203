"""The build of torch that ``[torch]`` asks for: without CUDA, or with one CUDA and no other.

What the requirements resolve to by themselves is taken where it is that already. Else PyTorch's own index is asked
(uv's ``--torch-backend``), then the builds that the configured sources serve, newest first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from packaging.version import Version

from slimtorch.errors import FetchError, ResolveError
from slimtorch.project.facts import Named, facts
from slimtorch.sources import selection, torch_served, uv
from slimtorch.sources.uv import PLAIN, Question
from slimtorch.sources.uv_output import Annotation
from slimtorch.tables import partners

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from slimtorch.sources.request import Request, Tools
    from slimtorch.sources.selection import Pick
    from slimtorch.sources.target import Target

    Decide = Callable[[Sequence[Named], Sequence[str]], str]
    """The device of a project that names none: ``cpu``, or ``cuda`` for what the requirements resolve to by themselves.
    Asked where there is a torch, with the packages that resolve and the names of those that need torch, as far as they
    are known."""

TRIES = 3
"""Served builds of torch that are tried."""
_CUDA = re.compile(r"(?:nvidia|cuda)-.+|triton|pytorch-triton")
_RUNTIMES = frozenset({"torch", "onnxruntime", "onnxruntime-gpu"})

N = TypeVar("N", bound=Named)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the requirements resolve to, why each package is there, and what is to be said.

    `unmet` says why the device that was asked for could not be had: `picks` are then what resolves without asking.
    `plain` is what would have come without asking, where that is something else.
    """

    picks: list[Pick]
    annotations: Mapping[str, Annotation]
    notes: tuple[str, ...] = ()
    unmet: str = ""
    plain: tuple[Pick, ...] = ()


def resolve(request: Request, tools: Tools, decide: Decide | None = None) -> Chosen:
    """The project's requirements resolved with the build of torch that it asks for, or that `decide` says.

    Raises:
        ResolveError: nothing satisfies the requirements.
        FetchError: an index cannot be reached.
    """
    picks = _compile(request, tools, PLAIN)
    device = request.device
    if decide and not device and needs_device(picks):
        cuda = bool(offenders(picks, request.target))
        device = decide(picks, _needers(request, tools) if cuda else ())
    kept = [wheel for wheel in request.keep if wheel.name == "torch"]
    if device == "cuda" and kept and not fits(picks, replace(request, device=device)):
        # The last lock was made for something else: its torch is no reason to stay with it.
        request = replace(request, keep=tuple(wheel for wheel in request.keep if wheel.name != "torch"))
        picks = _compile(request, tools, PLAIN)
    if device == "cpu":
        request = replace(request, device=device)
    if fits(picks, request):
        return Chosen(picks, _annotated(request, tools, PLAIN))
    tried: list[str] = []
    # PyTorch's own index cannot be reached from everywhere; one more try is enough to find out.
    hasty = replace(tools, environ={**tools.environ, "UV_HTTP_RETRIES": "1"})
    for attempt in _attempts(request, tools, [pick.name for pick in picks]):
        try:
            found = _compile(request, hasty, attempt.question)
        except (ResolveError, FetchError) as error:
            tried.append(f"{attempt.what}: {_reason(error)}")
            continue
        if fits(found, request):
            notes = _annotated(request, tools, attempt.question)
            return Chosen(found, notes, (attempt.note,), plain=tuple(picks))
        tried.append(f"{attempt.what}: it is none")
    unmet = "; ".join(tried) or "no source serves one"
    return Chosen(picks, uv.compile_annotated(request, tools), unmet=unmet)


def offenders(packages: Sequence[N], target: Target) -> list[N]:
    """The packages that have no place in a service for CPUs, torch first."""
    cuda = [package for package in packages if _CUDA.fullmatch(package.name)]
    # For 64-bit ARM the public index long served CPU builds without a local version.
    exempt = target.machine == "aarch64" and not cuda
    return [p for p in packages if p.name == "torch" and Version(p.version).local != "cpu" and not exempt] + cuda


def fits(packages: Sequence[Named], request: Request) -> bool:
    """Whether these packages are what the device and the CUDA version of the request ask for."""
    if request.device == "cpu":
        return not offenders(packages, request.target)
    if request.device != "cuda" or not any(package.name == "torch" for package in packages):
        return True
    found = torch_cuda(packages)
    return _same(found, request.cuda) if request.cuda else found != "none"


def needs_device(packages: Sequence[Named]) -> bool:
    """Whether anything in it computes on a device that one can choose."""
    return any(package.name in _RUNTIMES for package in packages)


def torch_cuda(packages: Sequence[Named]) -> str:
    """The CUDA version of torch: ``12.8``, '' where it has one that cannot be told, ``none`` without CUDA."""
    found = facts(packages)
    return found.cuda if found.device.startswith("cuda") else "none"


def _same(found: str, wanted: str) -> bool:
    return bool(found) and found.split(".")[: len(wanted.split("."))] == wanted.split(".")


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A way to another build: the question for uv, what it is called, and what is said when it works."""

    question: Question
    what: str
    note: str


def _attempts(request: Request, tools: Tools, names: Collection[str]) -> Iterator[_Attempt]:
    backend = "cpu" if request.device == "cpu" else f"cu{request.cuda.replace('.', '')}" if request.cuda else ""
    builds = "CPU builds" if backend == "cpu" else f"builds for CUDA {request.cuda}".rstrip()
    if backend and not (request.indexes.settings.offline or request.indexes.no_index):
        what = f"PyTorch's own index of {builds}"
        yield _Attempt(Question(("--torch-backend", backend)), what, f"torch was taken from {what}")
    for version in torch_served.versions("torch", request, tools, backend or r"cu\d+")[:TRIES]:
        note = f"torch {version} is the newest {builds.replace('builds', 'build')} that the configured sources serve"
        note += "; newer ones bring CUDA" if backend == "cpu" else ""
        torch = f"torch=={version}"
        if pins := _partners(version, names, request, tools):
            what = f"torch {version} with {' and '.join(pins)}, which are served"
            yield _Attempt(Question(lines=(torch, *pins)), what, note)
        yield _Attempt(Question(lines=(torch,)), f"torch {version}, which is served", note)


def _partners(torch: Version, names: Collection[str], request: Request, tools: Tools) -> list[str]:
    """Pins for the same builds of what is compiled for torch, where they are served: others do not load beside it."""
    pins = []
    for name in sorted({row.name for row in partners.partners()} & set(names)):
        served = torch_served.versions(name, request, tools, re.escape(torch.local or ""))
        rows = ((version, partners.partner(name, str(version))) for version in served)
        fitting = (version for version, row in rows if row is None or row.goes_with(str(torch)))
        pins += [f"{name}=={version}" for version in islice(fitting, 1)]
    return pins


def _compile(request: Request, tools: Tools, question: Question) -> list[Pick]:
    answer = uv.compile_pylock(request, tools, question)
    lock = selection.parse(answer.text, "uv's answer")
    return selection.select(lock, request.target, answer.base, request.origin)


def _annotated(request: Request, tools: Tools, question: Question) -> Mapping[str, Annotation]:
    """Asked only where there is more than one place that a package may have come from."""
    several = len(request.indexes.searched) > 1 or question is not PLAIN
    return uv.compile_annotated(request, tools, question) if several else {}


def _needers(request: Request, tools: Tools) -> tuple[str, ...]:
    via = uv.compile_annotated(request, tools).get("torch", Annotation()).via
    return tuple(name for name in via if re.fullmatch(r"[a-z0-9-]+", name) and not name.startswith("-"))


def _reason(error: ResolveError | FetchError) -> str:
    return "it cannot be reached" if isinstance(error, FetchError) else "nothing there satisfies the requirements"
