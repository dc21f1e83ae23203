"""CPU or CUDA, where the project does not say: decided from what its code, requirements and settings show.

A service that loses its GPU is broken, one that keeps CUDA is only large: everything that may be a use of a GPU counts,
and ``cpu`` is decided where there is nothing of the kind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.deps.device import code as gpu_code
from slimtorch.findings import Location
from slimtorch.tables import gpu_use

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from slimtorch.inventory.code.model import Code
    from slimtorch.project.declared.model import Declared
    from slimtorch.project.facts import Named

    Reason = tuple[str, Location]
    """What was seen, as a predicate (``calls .cuda()``), and where."""

_CUDA_BUILD = re.compile(r"\+cu\d+")
_PARTS = re.compile(r"(?:nvidia|cuda)-.+|(?:pytorch-)?triton")


@dataclass(frozen=True, slots=True)
class Decision:
    """The device of a service, and why. `certain` is false where a GPU may be used or not: CUDA then stays.

    `reasons` are empty for ``cpu``; the strongest comes first. `files` is the number of source files that were read.
    """

    device: str
    reasons: tuple[Reason, ...] = ()
    certain: bool = True
    files: int = 0

    @property
    def first(self) -> str:
        """The strongest reason as a sentence: ``serve.py:12 calls .cuda()``."""
        return sentence(self.reasons[0]) if self.reasons else ""


def sentence(reason: Reason) -> str:
    """A reason as text, its place in front."""
    what, place = reason
    where = f"{place.path}:{place.line}" if place.line else place.path
    return f"{where} {what}" if where else what


def decide(
    code: Code,
    declared: Sequence[Declared],
    packages: Iterable[Named],
    *,
    texts: Sequence[Reason] = (),
    needers: Sequence[str] = (),
) -> Decision:
    """The device that this service is for.

    `declared` is what the service requires, `packages` what that resolves to, `texts` are mentions of CUDA in settings
    and in sources that could not be read as Python, `needers` the distributions that need torch.
    """
    names = {package.name for package in packages}
    needs, may, guarded = gpu_code.evidence(code)
    needs += [*_pinned(declared), *_declared(declared)]
    may += [*texts, *_frozen(declared), *_resolved(names, declared), *_by_themselves(code, names)]
    may += _unknown(needers, code.own)
    if not code.files:
        may.append(("no source file of the service was read", Location("")))
    if not needs and not may:
        return Decision("cpu", files=code.files)
    certain = bool(needs) and not guarded
    return Decision("cuda", _once(needs + may if certain else may + needs), certain, code.files)


def _once(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reasons))


def _pinned(declared: Iterable[Declared]) -> Iterator[Reason]:
    """A build for CUDA that the requirements name."""
    for one in declared:
        if found := _CUDA_BUILD.search(one.text):
            yield f"asks for a build for CUDA: {one.name} {found[0]}", one.location


def _declared(declared: Iterable[Declared]) -> Iterator[Reason]:
    """Requirements that are of no use without a GPU."""
    for one in declared:
        if gpu_use.known().needed_by(one.name) and not one.via and not _PARTS.fullmatch(one.name):
            yield f"requires {one.name}, which needs a GPU", one.location


def _frozen(declared: Iterable[Declared]) -> Iterator[Reason]:
    """Parts of CUDA in a list that was frozen from somebody's environment, so nobody may have asked for them."""
    for one in declared:
        if _PARTS.fullmatch(one.name) and not one.via:
            yield f"names {one.name}, a part of CUDA", one.location


def _resolved(names: Iterable[str], declared: Iterable[Declared]) -> Iterator[Reason]:
    own = {one.name for one in declared}
    for name in sorted(names):
        if gpu_use.known().needed_by(name) and name not in own and not _PARTS.fullmatch(name):
            yield f"{name}, which needs a GPU, comes with the requirements", Location("")


def _by_themselves(code: Code, names: Iterable[str]) -> Iterator[Reason]:
    """Libraries that take a GPU where there is one, unless all their calls are told to stay on the CPU."""
    for name in sorted(names):
        calls = gpu_use.known().takes.get(name)
        if calls is not None and not gpu_code.kept_on_cpu(code, calls):
            yield f"{name} takes a GPU where there is one", Location("")


def _unknown(needers: Iterable[str], own: Iterable[str]) -> Iterator[Reason]:
    ours = {name.replace("_", "-").lower() for name in own}
    for name in sorted(needers):
        if not gpu_use.known().known(name) and name not in ours:
            yield f"{name} needs torch, and whether it uses a GPU is not known", Location("")
