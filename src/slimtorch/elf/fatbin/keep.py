"""Which entries of a container some GPUs need (CUDA programming guide, "Application compatibility").

The driver takes compiled code that runs on the GPU before it compiles any PTX, and of several that run the nearest one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.elf.fatbin.model import Kind
from slimtorch.tables import gpus as table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from slimtorch.elf.fatbin.model import Code, Container
    from slimtorch.tables.gpus import Gpu

NEWEST = "newest"
"""The policy that also keeps the newest PTX, which GPUs to come can still run."""


def kept(container: Container, gpus: Collection[Gpu], keep_ptx: str = "none") -> tuple[Code, ...]:
    """The entries that stay, in their order: all where no GPU is named, and never none where there are any.

    For each GPU stay every ``a`` and ``f`` cubin that covers it and the highest plain one; only if no cubin covers it,
    the PTX that does, by the same rule. Kinds that `tables.gpus.covers` says nothing of always stay.
    """
    if not gpus:
        return container.codes
    wanted = {code.offset for code in container.codes if not _judged(code)}
    for gpu in gpus:
        wanted.update(code.offset for code in serving(container.codes, gpu))
    if keep_ptx == NEWEST:
        wanted.update(code.offset for code in _highest(_plain(_of(Kind.PTX, container.codes))))
    if not wanted and container.codes:
        # What the driver says of an empty container is not known; "no code for this GPU" is what this one gives.
        wanted = {min(container.codes, key=lambda code: code.size).offset}
    return tuple(code for code in container.codes if code.offset in wanted)


def useless(codes: Sequence[Code], gpus: Collection[Gpu]) -> bool:
    """Whether these are one compiled code that none of the GPUs runs: it only says "no code for this GPU".

    Any other such code says the same, so that the smallest one of a library may stand for it.
    """
    return len(codes) == 1 and not serving_any(codes[0], gpus)


def serving_any(code: Code, gpus: Collection[Gpu]) -> bool:
    """Whether a GPU may run the code, as far as one can know."""
    sure = code.kind is Kind.CUBIN and table.known(code.architecture)
    return not sure or not gpus or any(table.covers(code.name, gpu) for gpu in gpus)


def serving(codes: Iterable[Code], gpu: Gpu) -> tuple[Code, ...]:
    """Of one container's entries those that the driver may choose from for a GPU; none where it has no code for it."""
    covering = [code for code in codes if _judged(code) and table.covers(code.name, gpu)]
    cubins, ptx = list(_of(Kind.CUBIN, covering)), list(_of(Kind.PTX, covering))
    sure = [code for code in cubins if table.known(code.architecture)]
    # A number that no list of GPUs has may be a Jetson's: such code stays, and nothing goes on its account.
    doubtful = [code for code in cubins if code not in sure]
    best = sure or ptx
    return (*doubtful, *(code for code in best if code.suffix), *_highest(_plain(best)))


def _judged(code: Code) -> bool:
    return code.kind in {Kind.CUBIN, Kind.PTX}


def _of(kind: Kind, codes: Iterable[Code]) -> Iterator[Code]:
    return (code for code in codes if code.kind is kind)


def _plain(codes: Iterable[Code]) -> list[Code]:
    return [code for code in codes if not code.suffix]


def _highest(codes: list[Code]) -> list[Code]:
    """Those of the highest architecture: more than one only where a compiler was told to make it twice."""
    highest = max((code.architecture for code in codes), default=0)
    return [code for code in codes if code.architecture == highest]
