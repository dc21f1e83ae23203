"""The locked packages beside each other: one CUDA, onnxruntime-gpu's libraries, numpy's binary interface."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from slimtorch.deps.compatibility import rules
from slimtorch.findings import Severity
from slimtorch.project.facts import facts
from slimtorch.tables.numpy_abi import needs_numpy_1
from slimtorch.tables.partners import onnx_runtime
from slimtorch.tables.torch import listed, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from slimtorch.findings import Finding
    from slimtorch.project.lock import LockedWheel

_SUFFIX = re.compile(r"(.+?)-(?:cu|cuda)(\d{2})[0x]?(?:-.+)?")
# From CUDA 13 on these have no suffix, and their version is that of CUDA.
_PLAIN = re.compile(r"cuda-toolkit|nvidia-(?:cuda-(?:runtime|nvrtc|cupti)|nvtx|nvjitlink)")
_SAME_FILES = frozenset({"nvidia-cudnn", "nvidia-nccl", "nvidia-cusparselt", "nvidia-nvshmem"})
"""Families whose wheels for every CUDA put files of the same names into the same folders."""
_FRAMEWORKS = ("torch", "tensorflow", "tensorflow-cpu", "tensorflow-gpu", "jax", "paddlepaddle", "paddlepaddle-gpu",
               "mxnet")  # fmt: skip
_SHOWN = 4


def judge(wheels: Sequence[LockedWheel]) -> Iterator[Finding]:
    """The findings about packages that stand beside each other."""
    versions: dict[str, str] = {canonicalize_name(wheel.name): wheel.version for wheel in wheels}
    majors = _majors(versions)
    yield from _one_cuda(majors)
    yield from _onnx(versions, {*majors, *_torch_major(wheels)})
    yield from _numpy(versions)
    frameworks = [name for name in _FRAMEWORKS if name in versions]
    if len(frameworks) > 1:
        yield rules.FRAMEWORKS.at(f"{listed(frameworks)} are locked side by side")


def _majors(versions: Mapping[str, str]) -> dict[int, list[str]]:
    """The packages that bring CUDA or are made for it, by its major version."""
    found: dict[int, list[str]] = {}
    for name, version in sorted(versions.items()):
        if match := _SUFFIX.fullmatch(name):
            found.setdefault(int(match[2]), []).append(name)
        elif _PLAIN.fullmatch(name) and parse(version):
            found.setdefault(parse(version)[0], []).append(name)
    return found


def _torch_major(wheels: Sequence[LockedWheel]) -> tuple[int, ...]:
    """The major version of the CUDA that torch was built for; it may have the libraries inside."""
    found = facts(wheels)
    return parse(found.cuda)[:1] if found.torch else ()


def _one_cuda(majors: Mapping[int, Sequence[str]]) -> Iterator[Finding]:
    stems: dict[str, list[str]] = {}
    for names in majors.values():
        for name in names:
            stems.setdefault(_stem(name), []).append(name)
    for stem, names in sorted(stems.items()):
        if len(names) > 1 and stem in _SAME_FILES:
            text = f"{listed(sorted(names))} put files of the same names into the same folder: one overwrites the other"
            yield rules.ONE_CUDA.at(text, severity=Severity.ERROR)
    if len(majors) > 1:
        kinds = [f"CUDA {major} ({_some(names)})" for major, names in sorted(majors.items())]
        yield rules.ONE_CUDA.at(f"{len(majors)} major versions of CUDA are locked: {listed(kinds)}")


def _stem(name: str) -> str:
    return match[1] if (match := _SUFFIX.fullmatch(name)) else name


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _onnx(versions: Mapping[str, str], majors: set[int]) -> Iterator[Finding]:
    version = versions.get("onnxruntime-gpu", "")
    row = onnx_runtime(version) if version else None
    if row is None:
        return
    wants = f"onnxruntime-gpu {version} loads CUDA {row.cuda} and cuDNN {row.cudnn}"
    if not majors:
        yield rules.ONNX.at(f"{wants}, and nothing that is locked brings them")
        return
    if row.cuda not in majors:
        have = listed([str(major) for major in sorted(majors)])
        yield rules.ONNX.at(f"{wants}, but what is locked brings CUDA {have}", severity=Severity.ERROR)
    cudnn = {
        parse(locked)[0]: name for name, locked in versions.items() if _stem(name) == "nvidia-cudnn" and parse(locked)
    }
    if cudnn and row.cudnn not in cudnn:
        name = next(iter(cudnn.values()))
        yield rules.ONNX.at(f"{wants}, but {name} {versions[name]} is locked", severity=Severity.ERROR)


def _numpy(versions: Mapping[str, str]) -> Iterator[Finding]:
    numpy = versions.get("numpy", "")
    if parse(numpy)[:1] < (2,):
        return
    for name, version in sorted(versions.items()):
        if boundary := needs_numpy_1(name, version):
            how = "hands over no arrays" if boundary.loads else "cannot be imported"
            text = f"{name} {version} is compiled against numpy 1 and {how} with numpy {numpy}"
            severity = Severity.WARNING if boundary.loads else None
            yield rules.NUMPY.at(f"{text}; {name} {boundary.first} runs with both", severity=severity)
