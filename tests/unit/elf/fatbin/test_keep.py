"""Which code a GPU needs, by hand, from the CUDA programming guide's rules of compatibility."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.elf.fatbin.find import containers
from slimtorch.elf.fatbin.keep import kept, serving
from slimtorch.elf.headers import read
from slimtorch.elf.reading import Bytes
from slimtorch.tables.gpus import Gpu, find
from tests.support.fatbins import make_entry, make_fatbin, simple

if TYPE_CHECKING:
    from slimtorch.elf.fatbin.model import Code, Container

ORACLE = [
    # One major version, upwards in minor; the highest that runs.
    ("sm_80", "a100", "sm_80"),
    ("sm_75 sm_80 sm_86 sm_90", "a100", "sm_80"),
    ("sm_75 sm_80 sm_86 sm_90", "rtx-3090", "sm_86"),
    ("sm_75 sm_80 sm_86 sm_90", "l4", "sm_86"),
    ("sm_75 sm_80 sm_86 sm_89 sm_90", "l4", "sm_89"),
    ("sm_75 sm_80 sm_86 sm_90", "h100", "sm_90"),
    ("sm_75 sm_80 sm_86 sm_90", "t4", "sm_75"),
    ("sm_70 sm_80", "t4", "sm_70"),
    ("sm_70 sm_75", "v100", "sm_70"),
    ("sm_90 sm_100 sm_120", "rtx-5090", "sm_120"),
    ("sm_100 sm_103 sm_120", "b300", "sm_103"),
    ("sm_100 sm_103 sm_120", "b200", "sm_100"),
    ("sm_120 sm_121", "gb10", "sm_121"),
    ("sm_120 sm_121", "rtx-5090", "sm_120"),
    # The order in the container is kept, whatever the compiler wrote.
    ("sm_90 sm_80 sm_75", "a100,h100", "sm_90 sm_80"),
    # PTX only where nothing compiled runs; the newest that is not newer than the GPU.
    ("sm_80 compute_80", "a100", "sm_80"),
    ("sm_80 compute_80", "h100", "compute_80"),
    ("sm_80 compute_80 compute_90", "h100", "compute_90"),
    ("sm_80 compute_75 compute_80 compute_90", "b200", "compute_90"),
    ("sm_75 compute_75 compute_90", "a100", "compute_75"),
    ("sm_90 compute_120", "rtx-5090", "compute_120"),
    ("sm_90 compute_120", "gb10", "compute_120"),
    ("sm_90 sm_120 compute_120", "gb10", "sm_120"),
    ("compute_80", "h100", "compute_80"),
    # Architecture-specific code runs on its own GPU only, and stays beside the plain one.
    ("sm_90 sm_90a", "h100", "sm_90 sm_90a"),
    ("sm_80 sm_90a", "h100", "sm_90a"),
    ("sm_90a compute_90", "h100", "sm_90a"),
    ("sm_90a compute_90", "b200", "compute_90"),
    ("sm_100a compute_100", "b300", "compute_100"),
    ("sm_100a sm_100 compute_100", "b300", "sm_100"),
    ("sm_100a sm_100 compute_100", "b200", "sm_100a sm_100"),
    ("sm_90 compute_90a compute_80", "b200", "compute_80"),
    ("sm_80 compute_90a compute_90 compute_80", "h100", "compute_90a compute_90"),
    # Family-specific code runs within its family, from its own minor version on.
    ("sm_100f sm_100 sm_90", "b300", "sm_100f sm_100"),
    ("sm_100f sm_103 sm_100", "b300", "sm_100f sm_103"),
    ("sm_103f sm_100", "b200", "sm_100"),
    ("sm_103f sm_100f compute_100", "b300", "sm_103f sm_100f"),
    ("sm_103f compute_100", "b200", "compute_100"),
    ("sm_120f sm_120", "gb10", "sm_120f sm_120"),
    ("sm_120f sm_120", "b200", "sm_120"),
    ("sm_100f sm_110", "thor", "sm_110"),
    ("sm_100 compute_100f compute_90", "rtx-5090", "compute_90"),
    # Jetson takes what was made for exactly it, or PTX; nothing else takes what was made for Jetson.
    ("sm_80 sm_86 sm_87", "jetson-agx-orin", "sm_87"),
    ("sm_80 sm_86 compute_80", "jetson-agx-orin", "compute_80"),
    ("sm_86 sm_87 compute_80", "l4", "sm_86"),
    ("sm_87 compute_80", "l4", "compute_80"),
    ("sm_100 sm_101 compute_100", "b300", "sm_100"),
    ("sm_101 compute_100", "b300", "compute_100"),
    ("sm_101f sm_100", "b300", "sm_100"),
    ("sm_86 sm_88", "l4", "sm_86"),
    ("sm_110 compute_100", "thor", "sm_110"),
    ("sm_72 sm_70 compute_70", "jetson-agx-xavier", "sm_72"),
    # A number that no list has may be a Jetson's: it stays, and takes nobody's place.
    ("sm_100 sm_102 compute_100", "b300", "sm_100 sm_102"),
    ("sm_102 compute_100", "b300", "sm_102 compute_100"),
    ("sm_102 sm_90", "h100", "sm_90"),
    # Several GPUs: what any of them needs.
    ("sm_75 sm_80 sm_86 sm_90 compute_90", "a100,h100", "sm_80 sm_90"),
    ("sm_75 sm_80 sm_86 sm_90 compute_90", "h100,b200", "sm_90 compute_90"),
    ("sm_75 sm_80 sm_86", "a100,rtx-3090", "sm_80 sm_86"),
    ("sm_75 sm_80 sm_86", "l4,l40s,rtx-4090", "sm_86"),
    # What nobody could judge stays.
    ("sm_80 lto_80 sm_90", "h100", "lto_80 sm_90"),
    ("odd_50 sm_80 sm_90", "h100", "odd_50 sm_90"),
    ("odd_50 sm_80", "h100", "odd_50"),
    # A container never ends up empty: its smallest entry stays.
    ("sm_100 sm_120", "h100", "sm_100"),
    ("sm_120 sm_75", "h100", "sm_75"),
    ("sm_100a", "h100", "sm_100a"),
    ("compute_120", "h100", "compute_120"),
    ("", "h100", ""),
]  # fmt: skip


def container(names: str) -> Container:
    data = simple(make_fatbin(*(make_entry(name) for name in names.split())))
    source = Bytes(data)
    headers = read(source)
    assert headers is not None
    (found,) = containers(source, headers)
    return found


def gpus(names: str) -> tuple[Gpu, ...]:
    found = tuple(find(name) for name in names.split(","))
    assert None not in found
    return tuple(gpu for gpu in found if gpu)


def names(codes: tuple[Code, ...]) -> str:
    return " ".join(code.name.replace("sm_50", "odd_50") for code in codes)


@pytest.mark.parametrize(("entries", "wanted", "stays"), ORACLE)
def test_what_stays(entries: str, wanted: str, stays: str) -> None:
    assert names(kept(container(entries), gpus(wanted))) == stays


NEWEST = [
    ("sm_80 compute_80 sm_90 compute_90", "h100", "sm_90 compute_90"),
    ("sm_80 compute_80 sm_90", "h100", "compute_80 sm_90"),
    ("sm_80 sm_90", "h100", "sm_90"),
    ("sm_90 compute_90a compute_90", "h100", "sm_90 compute_90"),
    ("sm_90 compute_90a", "h100", "sm_90"),
    ("sm_90 compute_90 compute_120", "h100", "sm_90 compute_120"),
    ("sm_80 compute_80 compute_120", "h100", "compute_80 compute_120"),
]


@pytest.mark.parametrize(("entries", "wanted", "stays"), NEWEST)
def test_the_newest_ptx_for_gpus_to_come(entries: str, wanted: str, stays: str) -> None:
    assert names(kept(container(entries), gpus(wanted), "newest")) == stays


def test_no_gpu_means_all_of_it() -> None:
    assert names(kept(container("sm_80 compute_80 lto_90"), ())) == "sm_80 compute_80 lto_90"


def test_two_entries_of_one_architecture_both_stay() -> None:
    assert names(kept(container("sm_80 sm_90 sm_90"), gpus("h100"))) == "sm_90 sm_90"


@pytest.mark.parametrize(
    ("entries", "gpu", "served"),
    [
        ("sm_80 sm_90", "h100", True),
        ("sm_80 sm_86", "h100", False),
        ("compute_90", "b200", True),
        ("lto_90", "h100", False),
    ],
)
def test_who_is_served(entries: str, gpu: str, served: bool) -> None:  # noqa: FBT001
    assert bool(serving(container(entries).codes, gpus(gpu)[0])) is served
