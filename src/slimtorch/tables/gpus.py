"""GPUs by name, their compute capability, and which device code runs on them: the table, and what it answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from slimtorch import tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_CAPABILITY = re.compile(r"\d{1,2}\.\d")
_NAME = re.compile(r"[a-z]+\d*[a-z]*(?:-[a-z0-9]+)*")
_CODE = re.compile(r"(sm|compute)_(\d{1,2})(\d)([af]?)")
_MAKER = re.compile(r"\b(?:nvidia|geforce|tesla|gpu|graphics|edition|generation)\b")
# What NVIDIA's driver appends to a name and what changes nothing about the code that runs.
_FORM = re.compile(r"\b(?:sxm\d?|pcie|nvl\d*|hbm\de?|\d+gb|max-q|laptop|mobile|super|server|workstation|blackwell)\b")


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU: its `name` (or its capability again, where only that was given), `capability` (``9.0``) and `family`.

    `tegra` is true for Jetson, which runs no compiled code but what was made for exactly it.
    """

    name: str
    capability: str
    family: str
    tegra: bool = False


@cache
def gpus() -> Mapping[str, Gpu]:
    """Every GPU of the table by name, aliases included, the oldest first.

    Raises:
        ValueError: the table is damaged, which is a bug.
    """
    return check_table(tables.load("gpus"))


def check_table(table: Mapping[str, Any]) -> Mapping[str, Gpu]:
    """The table's GPUs by name.

    Raises:
        ValueError: a capability is not MAJOR.MINOR or out of order, a name is there twice, an alias names nothing.
    """
    found: dict[str, Gpu] = {}
    capabilities = table["capabilities"]
    if [_number(text) for text in capabilities] != sorted({_number(text) for text in capabilities}):
        raise ValueError(f"the GPU table's capabilities are not in order: {list(capabilities)}")
    for capability, row in capabilities.items():
        if not isinstance(row.get("family"), str) or not row.get("gpus"):
            raise ValueError(f"the GPU table says too little of {capability}")
        for name in row["gpus"]:
            if not _NAME.fullmatch(name) or name in found:
                raise ValueError(f"the GPU table holds {name!r} ({capability}), which is no name or there twice")
            found[name] = Gpu(name, capability, row["family"], row.get("tegra") is True)
    for alias, name in table["aliases"].items():
        if alias in found or name not in found:
            raise ValueError(f"the GPU table's alias {alias!r} hides a name, or {name!r} is none")
        found[alias] = found[name]
    return found


@cache
def capabilities() -> tuple[str, ...]:
    """Every compute capability of the table, lowest first."""
    return tuple(sorted({gpu.capability for gpu in gpus().values()}, key=_number))


def find(text: str) -> Gpu | None:
    """The GPU of a name (``H100``, ``NVIDIA A100-SXM4-80GB``) or a compute capability (``9.0``); None when unknown."""
    if _CAPABILITY.fullmatch(text):
        like = next((gpu for gpu in gpus().values() if gpu.capability == text), None)
        return Gpu(text, text, like.family, like.tegra) if like else None
    plain = " ".join(_MAKER.sub(" ", text.lower().replace("_", " ").replace("-", " ")).split())
    bare = " ".join(_FORM.sub(" ", plain).split())
    names = {name.replace("-", ""): gpu for name, gpu in gpus().items()}
    return next((names[key] for key in (plain.replace(" ", ""), bare.replace(" ", "")) if key in names), None)


@lru_cache(1 << 14)
def covers(code: str, gpu: Gpu) -> bool:
    """Whether device code runs on a GPU: ``sm_90``, ``sm_90a``, ``sm_100f`` (compiled) or ``compute_90`` (PTX).

    Compiled code runs within its major version, on the same or a higher minor one, and never between Tegra and other
    processors; ``a`` code on its own architecture only; ``f`` code within its family: its major version, from its own
    minor one on (10.0 and 10.3 for ``100f``, 10.3 for ``103f``, 12.0 and 12.1 for ``120f``).
    PTX is compiled by the driver for anything that is not older (CUDA programming guide, "Application compatibility").
    An architecture that cannot be read covers nothing.
    """
    match = _CODE.fullmatch(code)
    if not match:
        return False
    kind, suffix, wanted = match[1], match[4], _number(gpu.capability)
    made = (int(match[2]), int(match[3]))
    if suffix == "a":
        return made == wanted
    if kind == "compute" and not suffix:
        return made <= wanted
    if kind == "sm" and (gpu.tegra or made in _tegra()):
        return made == wanted
    return made[0] == wanted[0] and made[1] <= wanted[1]


def known(architecture: int) -> bool:
    """Whether it is known what an architecture (90 for sm_90) runs on: some GPU has it, or it is one of Tegra's."""
    made = divmod(architecture, 10)
    return made in _tegra() or any(_number(capability) == made for capability in capabilities())


@cache
def _tegra() -> frozenset[tuple[int, int]]:
    named = tables.load("gpus").get("tegra_code", [])
    return frozenset(_number(text) for text in (*named, *(gpu.capability for gpu in gpus().values() if gpu.tegra)))


def covered(codes: Iterable[str], gpu: Gpu) -> str:
    """How a GPU is served by device code: ``cubin`` (it runs as it is), ``ptx`` (the driver compiles it) or ''."""
    ways = {code.partition("_")[0] for code in codes if covers(code, gpu)}
    return "cubin" if "sm" in ways else "ptx" if ways else ""


def _number(capability: object) -> tuple[int, int]:
    if not isinstance(capability, str) or not _CAPABILITY.fullmatch(capability):
        raise ValueError(f"the GPU table holds {capability!r}, which is not MAJOR.MINOR")
    major, _, minor = capability.partition(".")
    return int(major), int(minor)
