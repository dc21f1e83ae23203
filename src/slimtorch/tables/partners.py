"""What goes with what: torchvision and torchaudio with torch, onnxruntime-gpu with CUDA and cuDNN."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from slimtorch import tables
from slimtorch.tables.torch import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MINOR = re.compile(r"\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Partner:
    """A release of torchvision or torchaudio, and the torch it was built for; `and_newer` when newer ones do too."""

    name: str
    version: str
    torch: str
    and_newer: bool = False

    def goes_with(self, torch: str) -> bool:
        """Whether it was made for this torch version (``2.9.1``)."""
        wanted, given = parse(self.torch), parse(torch)[:2]
        return given >= wanted if self.and_newer else given == wanted


@dataclass(frozen=True, slots=True)
class OnnxRuntime:
    """Releases of onnxruntime-gpu from `first` to `last`, and the CUDA and cuDNN major versions that they load."""

    first: str
    last: str
    cuda: int
    cudnn: int


@cache
def partners() -> tuple[Partner, ...]:
    """Every row of the table.

    Raises:
        ValueError: the table is damaged, which is a bug.
    """
    return check_torch(tables.load("torch_partners")["torch"])


@cache
def onnx_runtimes() -> tuple[OnnxRuntime, ...]:
    """Every row of the table, oldest first.

    Raises:
        ValueError: the table is damaged, which is a bug.
    """
    return check_onnx(tables.load("torch_partners")["onnxruntime-gpu"])


def check_torch(rows: Sequence[Mapping[str, Any]]) -> tuple[Partner, ...]:
    """The rows as partners.

    Raises:
        ValueError: a row is incomplete, no version, out of order or there twice.
    """
    found = []
    for row in rows:
        name, version, torch = (str(row.get(key, "")) for key in ("name", "version", "torch"))
        if not name or not _MINOR.fullmatch(version) or not _MINOR.fullmatch(torch):
            raise ValueError(f"the partners' table holds {name!r} {version!r} for torch {torch!r}")
        found.append(Partner(name, version, torch, row.get("and_newer") is True))
    order = [(partner.name, parse(partner.version)) for partner in found]
    if order != sorted(set(order)):
        raise ValueError("the partners' table is not in order, or a release is there twice")
    return tuple(found)


def check_onnx(rows: Sequence[Mapping[str, Any]]) -> tuple[OnnxRuntime, ...]:
    """The rows as releases of onnxruntime-gpu.

    Raises:
        ValueError: a row is incomplete, no version, or overlaps another.
    """
    found: list[OnnxRuntime] = []
    for row in rows:
        first, last, cuda, cudnn = (row.get(key) for key in ("first", "last", "cuda", "cudnn"))
        if not all(isinstance(text, str) and _MINOR.fullmatch(text) for text in (first, last)):
            raise ValueError(f"the onnxruntime table holds {first!r} to {last!r}, which is not MAJOR.MINOR")
        if not all(isinstance(major, int) and 8 <= major < 100 for major in (cuda, cudnn)):
            raise ValueError(f"the onnxruntime table says too little of {first}")
        if parse(str(first)) > parse(str(last)) or (found and parse(str(first)) <= parse(found[-1].last)):
            raise ValueError(f"the onnxruntime table is not in order at {first}")
        found.append(OnnxRuntime(str(first), str(last), int(row["cuda"]), int(row["cudnn"])))
    return tuple(found)


def partner(name: str, version: str) -> Partner | None:
    """The row of a release (``torchvision``, ``0.24.1+cpu``); None when the table does not hold it."""
    wanted = parse(version)[:2]
    return next((row for row in partners() if row.name == name and parse(row.version) == wanted), None)


def partners_of(name: str, torch: str) -> tuple[str, ...]:
    """The releases of `name` that go with a torch version."""
    return tuple(row.version for row in partners() if row.name == name and row.goes_with(torch))


def onnx_runtime(version: str) -> OnnxRuntime | None:
    """What a version of onnxruntime-gpu loads; None when the table does not hold it."""
    wanted = parse(version)[:2]
    return next((row for row in onnx_runtimes() if parse(row.first) <= wanted <= parse(row.last)), None)
