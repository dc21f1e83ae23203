"""What is asked of torch, before anything is resolved: CUDA version, Python and GPUs against the known releases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from slimtorch.deps.compatibility import rules
from slimtorch.findings import Severity
from slimtorch.inventory.needs import environment
from slimtorch.tables import cuda as toolkits
from slimtorch.tables.gpus import covered
from slimtorch.tables.torch import MACHINES, builds, cuda_of, listed, nearest_for, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from slimtorch.findings import Finding
    from slimtorch.project.model import Torch
    from slimtorch.tables.gpus import Gpu
    from slimtorch.tables.torch import Build

PATCHES = 10
"""Patch releases of one torch release that a specifier is tried with."""
# Releases that the table does not hold: before its first, and after its last.
_OLDER = ("0.4.1", *(f"1.{minor}.{patch}" for minor in range(14) for patch in range(3)))
_NEWER = 30


@dataclass(frozen=True, slots=True)
class _Asked:
    """The torch that is asked for: how it is written, and the known releases that satisfy it.

    `local` is what a pinned local version names (``cu128``, ``cpu``); `open` tells that other releases than the known
    ones satisfy it too.
    """

    text: str
    known: tuple[Build, ...]
    local: str = ""
    open: bool = False

    def severity(self) -> Severity:
        """How sure a judgement is that holds for every known release."""
        return Severity.WARNING if self.open else Severity.ERROR


def judge(torch: Torch, lines: Sequence[str], python: str) -> tuple[Finding, ...]:
    """The findings, each once; requirements whose marker holds on no 64-bit Linux machine do not count."""
    parsed = [requirement for line in lines if (requirement := _requirement(line))]
    found: dict[Finding, None] = {}
    for machine in MACHINES:
        lines_here = [one for one in parsed if _applies(one, python, machine)]
        # Without any, torch may still come with another package; then only what [torch] itself says is looked at.
        if lines_here or torch.gpus:
            found |= dict.fromkeys(_findings(torch, _asked(lines_here), python))
    return tuple(found)


def newest_with(gpu: Gpu, candidates: Iterable[Build]) -> str:
    """The newest release and CUDA version whose code is known to run on a GPU, in words; '' when none is."""
    machine = machine_of(gpu)
    for build in reversed(tuple(candidates)):
        for cuda in reversed(build.cuda):
            if covered(build.code.get((machine, cuda), ()), gpu):
                return f"torch {build.torch} for CUDA {cuda}"
    return ""


def machine_of(gpu: Gpu) -> str:
    """The processor whose wheels are looked at for a GPU: a Jetson is a 64-bit ARM machine."""
    return "aarch64" if gpu.tegra else "x86_64"


def shown(gpu: Gpu) -> str:
    """A GPU as messages name it."""
    return gpu.name if gpu.name == gpu.capability else f"{gpu.name} (compute capability {gpu.capability})"


def made_for(codes: Sequence[str]) -> str:
    """The compute capabilities that device code was made for, as a sentence lists them: ``9.0 and 12.0 (PTX)``."""
    names = [(*code.split("_"),) for code in codes]
    return listed([f"{text[:-1]}.{text[-1]}" + " (PTX)" * (kind == "compute") for kind, text in names])


def _requirement(line: str) -> Requirement | None:
    try:
        found = Requirement(line)
    except InvalidRequirement:
        return None
    return found if canonicalize_name(found.name) == "torch" and not found.url else None


def _applies(requirement: Requirement, python: str, machine: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**environment(python, machine), "extra": ""})


def _asked(requirements: Sequence[Requirement]) -> _Asked:
    specifiers = [specifier for requirement in requirements for specifier in requirement.specifier]
    local = next((one.version.partition("+")[2] for one in specifiers if "+" in one.version), "")
    plain = SpecifierSet(",".join(f"{one.operator}{one.version.partition('+')[0]}" for one in specifiers))
    known = tuple(build for build in builds() if _satisfies(plain, build.torch))
    last = parse(builds()[-1].torch)
    newer = [f"{last[0]}.{last[1] + step}" for step in range(1, _NEWER)] + [f"{last[0] + 1}.{n}" for n in range(_NEWER)]
    others = any(plain.contains(version) for version in _OLDER) or any(_satisfies(plain, one) for one in newer)
    text = " and ".join(str(requirement) for requirement in requirements)
    return _Asked(text, known, local, others or not specifiers)


def _satisfies(plain: SpecifierSet, release: str) -> bool:
    return any(plain.contains(f"{release}.{patch}") for patch in range(PATCHES))


def _findings(torch: Torch, asked: _Asked, python: str) -> Iterator[Finding]:
    named = cuda_of(asked.local)
    if problem := _contradiction(torch, asked, named):
        yield rules.BUILD.at(problem)
        return
    if not asked.known:
        return
    cuda = torch.cuda or named
    if cuda and not any(build.has(cuda) for build in asked.known):
        yield rules.BUILD.at(_never_built(cuda, asked), severity=asked.severity())
    if asked.text and not any(build.runs(python) for build in asked.known):
        yield rules.PYTHON.at(_no_python(python, asked), severity=asked.severity())
    for gpu in torch.gpus:
        yield from _gpu(gpu, cuda, asked)


def _contradiction(torch: Torch, asked: _Asked, named: str) -> str:
    if named and torch.device == "cpu":
        return f'{asked.text} is built for CUDA {named}, but [torch] says device = "cpu"'
    if asked.local == "cpu" and torch.device == "cuda":
        return f'{asked.text} is the build for CPUs, but [torch] says device = "cuda"'
    if named and torch.cuda and named != torch.cuda:
        return f'{asked.text} is built for CUDA {named}, but [torch] says cuda = "{torch.cuda}"'
    return ""


def _never_built(cuda: str, asked: _Asked) -> str:
    have = sorted({version for build in asked.known for version in build.cuda}, key=parse)
    nearest = nearest_for(cuda, asked.known[-1].torch)
    more = f"; the nearest torch for CUDA {cuda} is {nearest}" if nearest else f"; no torch was built for CUDA {cuda}"
    return f"{_subject(asked)} built for CUDA {cuda}, only for {listed(have)}{more}"


def _no_python(python: str, asked: _Asked) -> str:
    low, high = asked.known[0].python[0], asked.known[-1].python[1]
    fitting = [build.torch for build in builds() if build.runs(python)]
    more = f"; the newest torch for Python {python} is {fitting[-1]}" if fitting else ""
    return f"{_subject(asked)} built for Python {python}, only for {low} to {high}{more}"


def _gpu(gpu: Gpu, cuda: str, asked: _Asked) -> Iterator[Finding]:
    toolkit = toolkits.find(cuda) if cuda else None
    newest = newest_with(gpu, asked.known) or newest_with(gpu, builds())
    more = f"; {newest} has code for it" if newest else ""
    if toolkit and parse(gpu.capability) < parse(toolkit.lowest):
        yield rules.GPU.at(f"CUDA {cuda} compiles nothing for {shown(gpu)}: it begins with {toolkit.lowest}{more}")
        return
    pairs = [(build, one) for build in asked.known for one in build.cuda if not cuda or one == cuda]
    codes = [build.code.get((machine_of(gpu), one), ()) for build, one in pairs]
    if codes and all(codes) and not any(covered(code, gpu) for code in codes):
        build, one = pairs[-1]
        text = f"torch {build.torch} for CUDA {one} has no code for {shown(gpu)}, only for {made_for(codes[-1])}{more}"
        yield rules.GPU.at(text, severity=asked.severity())


def _subject(asked: _Asked) -> str:
    releases = [build.torch for build in asked.known]
    if len(releases) == 1 and not asked.open:
        return f"torch {releases[0]} was never"
    return f"no known torch that satisfies {asked.text or 'torch'} ({releases[0]} to {releases[-1]}) was"
