"""Refreshes ``tables/torch_builds.json`` and ``tables/torch_partners.json`` from the configured index.

``python -m tools.torch_table`` writes what an index can tell: Pythons, the default CUDA, cuDNN, NCCL, triton and the
device code of torch's default builds; the torch of each torchvision and torchaudio; the CUDA and cuDNN of each
onnxruntime-gpu. It keeps the rest, which only PyTorch's own pages tell, and names the releases that it cannot add.
With ``--check`` nothing is written, and the exit code is 1 where something would change.
"""

from __future__ import annotations

import copy
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement

from slimtorch import tables
from slimtorch.tables import partners, torch
from slimtorch.tables.torch import parse
from tools.releases import Index

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tools.releases import Wheel

FOLDER = Path(tables.__file__).parent
BUILDS, PARTNERS = "torch_builds.json", "torch_partners.json"
ROOM = 116
"""Characters of a line; what is longer is broken at its members."""
_RUNTIME = re.compile(r"cuda-toolkit|nvidia-cuda-runtime(?:-cu\d+)?")
_PINNED = re.compile(r"(?:==|~=)([\d.]+)")
_FLAGS = re.compile(rb"(?:(?:sm|compute)_\d{2,3}[af]?(?: |(?=\0)))+")


def main(arguments: Sequence[str], folder: Path = FOLDER, index: Index | None = None) -> int:
    """The exit code; changes go to stderr, one a line."""
    index = index or Index()
    changed = False
    for name, refresh in ((BUILDS, refresh_builds), (PARTNERS, refresh_partners)):
        before = json.loads((folder / name).read_text("utf-8"))
        after = copy.deepcopy(before)
        for line in refresh(after, index):
            sys.stderr.write(f"{name}: {line}\n")
        _validate(name, after)
        changed = changed or before != after
        if "--check" not in arguments:
            (folder / name).write_text(f"{text(after)}\n", encoding="utf-8")
    return 1 if changed and "--check" in arguments else 0


def refresh_builds(table: dict[str, Any], index: Index) -> Iterator[str]:
    """Changes the rows of torch's releases, and says what it changed or could not."""
    rows = {row["torch"]: row for row in table["builds"]}
    for release, wheels in index.newest("torch").items():
        if release in rows:
            yield from _changes(f"torch {release}", rows[release], _build(rows[release], wheels, index))
        elif parse(release) > parse(table["builds"][-1]["torch"]):
            yield f"torch {release} is new: add its row by hand, with the CUDA versions that PyTorch built it for"


def refresh_partners(table: dict[str, Any], index: Index) -> Iterator[str]:
    """Changes the rows of torchvision, torchaudio and onnxruntime-gpu, and says what it changed."""
    rows = {(row["name"], row["version"]): row for row in table["torch"]}
    first = parse(table["torch"][0]["torch"])
    for name in ("torchaudio", "torchvision"):
        for release, wheels in index.newest(name).items():
            found = _partner(name, release, wheels, index)
            # Where a wheel names no torch, what is known of it stays.
            if found and parse(found["torch"]) >= first:
                yield from _changes(f"{name} {release}", rows.setdefault((name, release), {}), found)
    table["torch"] = sorted(rows.values(), key=lambda row: (row["name"], parse(row["version"])))
    yield from _refresh_onnx(table["onnxruntime-gpu"], index)


def text(value: Any, indent: int = 0, room: int = ROOM) -> str:  # noqa: ANN401  (any JSON)
    """The value as JSON, broken only where a line would get too long."""
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(flat) + indent <= room:
        return flat
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        lines = [
            f"{pad}{json.dumps(key)}: {text(item, indent + 2, room - len(key) - 4)}" for key, item in value.items()
        ]
        return "{\n" + ",\n".join(lines) + f"\n{' ' * indent}}}"
    return "[\n" + ",\n".join(pad + text(item, indent + 2, room) for item in value) + f"\n{' ' * indent}]"


def _changes(what: str, row: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    for key, value in found.items():
        if row.get(key) != value:
            yield f"{what}: {key} {json.dumps(row.get(key))} → {json.dumps(value)}"
            row[key] = value


def _build(row: dict[str, Any], wheels: Sequence[Wheel], index: Index) -> dict[str, Any]:
    """What the wheels of a release say, for its row."""
    pythons = sorted({*row["python"], *(python for wheel in wheels for python in wheel.pythons)}, key=parse)
    found: dict[str, Any] = {"python": [pythons[0], pythons[-1]]}
    code = copy.deepcopy(row.get("code", {}))
    default = dict(row.get("default", {}))
    for machine in torch.MACHINES:
        wheel = next((wheel for wheel in wheels if wheel.fits(machine)), None)
        if wheel is None:
            continue
        pins = _pins(index.requires(wheel))
        flags = _flags(wheel, index) if default.get(machine) not in code.get(machine, {}) else ""
        cuda = pins.pop("cuda", "")
        if machine == "x86_64":
            found |= pins
        # 64-bit ARM wheels without CUDA name its packages too, behind a marker: the code in them decides.
        built = machine == "x86_64" or flags or cuda in code.get(machine, {})
        default[machine] = cuda if cuda in row["cuda"] and built else "cpu"
        if flags and default[machine] != "cpu":
            code.setdefault(machine, {})[cuda] = flags
    return found | {"default": default, "code": code}


def _pins(requires: Sequence[str]) -> dict[str, str]:
    found = {}
    for requirement in map(Requirement, requires):
        match = _PINNED.fullmatch(str(requirement.specifier))
        if not match:
            continue
        if _RUNTIME.fullmatch(requirement.name):
            found["cuda"] = _minor(match[1])
        elif stem := re.match(r"nvidia-(cudnn|nccl)-cu", requirement.name):
            found[stem[1]] = match[1]
        elif requirement.name == "triton":
            found["triton"] = _minor(match[1])
    return found


def _flags(wheel: Wheel, index: Index) -> str:
    """The architectures that torch was compiled for, as it keeps them for ``torch.cuda.get_arch_list``."""
    library = index.member(wheel, r"torch/lib/libtorch_python\.so")
    found = max(_FLAGS.findall(library), key=len, default=b"")
    return str(found.decode().strip())


def _partner(name: str, release: str, wheels: Sequence[Wheel], index: Index) -> dict[str, Any]:
    wheel = next((wheel for wheel in wheels if wheel.fits("x86_64")), None)
    requires = map(Requirement, index.requires(wheel)) if wheel else ()
    for requirement in requires:
        match = re.fullmatch(r"(==|>=)(\d+\.\d+)[\d.]*(?:\+\w+)?", str(requirement.specifier))
        if requirement.name == "torch" and match:
            newer = {"and_newer": True} if match[1] == ">=" else {}
            return {"name": name, "version": release, "torch": match[2], **newer}
    return {}


def _refresh_onnx(rows: list[dict[str, Any]], index: Index) -> Iterator[str]:
    for release, wheels in index.newest("onnxruntime-gpu").items():
        if parse(release) <= parse(rows[-1]["last"]):
            continue
        wheel = next((wheel for wheel in wheels if wheel.fits("x86_64")), None)
        majors = _onnx_majors(index.requires(wheel)) if wheel else {}
        if majors == {key: rows[-1][key] for key in majors} and majors:
            yield from _changes("onnxruntime-gpu", rows[-1], {"last": release})
        elif len(majors) == 2:
            rows.append({"first": release, "last": release, **majors})
            yield f"onnxruntime-gpu {release}: CUDA {majors['cuda']}, cuDNN {majors['cudnn']}"


def _onnx_majors(requires: Sequence[str]) -> dict[str, int]:
    """Its extras ``cuda`` and ``cudnn`` name the libraries that it loads."""
    found = {}
    for requirement in map(Requirement, requires):
        version = re.search(r"\d+", str(requirement.specifier))
        kind = re.match(r"nvidia-(cuda-runtime|cudnn)", requirement.name)
        if kind and version:
            found["cudnn" if kind[1] == "cudnn" else "cuda"] = int(version[0])
    return found


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _validate(name: str, table: dict[str, Any]) -> None:
    if name == BUILDS:
        torch.check_table(table["builds"])
    else:
        partners.check_torch(table["torch"])
        partners.check_onnx(table["onnxruntime-gpu"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
