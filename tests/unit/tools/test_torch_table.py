from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tools.releases import Index
from tools.torch_table import main, text

from slimtorch import tables
from tests.support.index import make_index
from tests.support.wheels import make_wheel

X86, ARM = "manylinux_2_28_x86_64", "manylinux_2_28_aarch64"
FLAGS = b"\x7fELF\0CUDA\0sm_80 sm_90 compute_90\0sm_42\0"
BUILD = {"torch": "2.9", "cuda": ["12.6", "12.8"], "python": ["3.10", "3.11"], "nccl": "1.0"}
TABLES: dict[str, dict[str, Any]] = {
    "torch_builds.json": {"about": "x", "builds": [BUILD]},
    "torch_partners.json": {
        "about": "x",
        "torch": [
            {"name": "torchaudio", "version": "2.9", "torch": "2.9"},
            {"name": "torchvision", "version": "0.24", "torch": "2.8"},
        ],
        "onnxruntime-gpu": [{"first": "1.19", "last": "1.20", "cuda": 12, "cudnn": 9}],
    },
}


def torch(folder: Path, version: str, python: str, machine: str, *lines: str, flags: bytes = FLAGS) -> Path:
    files = {"torch/__init__.py": "", "torch/lib/libtorch_python.so": flags}
    return make_wheel(folder, "torch", version, files, tag=f"cp{python}-cp{python}-{machine}", requires=lines)


def plain(folder: Path, name: str, version: str, *lines: str) -> Path:
    return make_wheel(folder, name, version, tag=f"cp311-cp311-{X86}", requires=lines)


@pytest.fixture
def index(tmp_path: Path) -> Index:
    made = tmp_path / "made"
    needs = ('nvidia-cuda-runtime-cu12==12.8.90; platform_machine == "x86_64"', "nvidia-cudnn-cu12==9.10.2.21",
             "nvidia-nccl-cu12==2.27.5", 'triton~=3.5.1; platform_machine == "x86_64"')  # fmt: skip
    wheels = [
        torch(made, "2.9.0", "311", X86, "triton==3.5.0"),
        torch(made, "2.9.1", "311", X86, *needs),
        torch(made, "2.9.1", "314", X86, *needs),
        torch(made, "2.9.1", "311", ARM, *needs, flags=b"nothing"),
        torch(made, "2.9.2rc1", "315", X86),
        torch(made, "2.10.0", "311", X86, *needs),
        torch(made, "1.13.1", "311", X86),
        plain(made, "torchvision", "0.24.1", "numpy", "torch (==2.9.1)"),
        plain(made, "torchvision", "0.25.0", "torch>=2.10.0"),
        plain(made, "torchvision", "0.14.1", "torch==1.13.1"),
        plain(made, "torchaudio", "2.9.1"),
        plain(made, "onnxruntime-gpu", "1.21.0", 'nvidia-cuda-runtime-cu12~=12.0; extra == "cuda"',
              'nvidia-cudnn-cu12~=9.0; extra == "cudnn"'),
        plain(made, "onnxruntime-gpu", "1.22.0", 'nvidia-cuda-runtime~=13.0; extra == "cuda"',
              'nvidia-cudnn-cu13~=9.0; extra == "cudnn"'),
    ]  # fmt: skip
    simple = make_index(tmp_path / "index", wheels)
    environ = {"PIP_INDEX_URL": simple.as_uri(), "PIP_CONFIG_FILE": "/dev/null", "UV_NO_CACHE": "1"}
    return Index(environ, tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    held = tmp_path / "tables"
    held.mkdir()
    for name, table in TABLES.items():
        (held / name).write_text(json.dumps(table))
    return held


def test_what_an_index_tells_is_written_and_the_rest_is_kept(
    folder: Path, index: Index, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main((), folder, index) == 0
    (build,) = json.loads((folder / "torch_builds.json").read_text())["builds"]
    assert build == {
        "torch": "2.9",
        "cuda": ["12.6", "12.8"],
        "python": ["3.10", "3.14"],
        "nccl": "2.27.5",
        "cudnn": "9.10.2.21",
        "triton": "3.5",
        "default": {"x86_64": "12.8", "aarch64": "cpu"},
        "code": {"x86_64": {"12.8": "sm_80 sm_90 compute_90"}},
    }
    found = json.loads((folder / "torch_partners.json").read_text())
    assert found["torch"] == [
        {"name": "torchaudio", "version": "2.9", "torch": "2.9"},
        {"name": "torchvision", "version": "0.24", "torch": "2.9"},
        {"name": "torchvision", "version": "0.25", "torch": "2.10", "and_newer": True},
    ]
    assert found["onnxruntime-gpu"] == [
        {"first": "1.19", "last": "1.21", "cuda": 12, "cudnn": 9},
        {"first": "1.22", "last": "1.22", "cuda": 13, "cudnn": 9},
    ]
    told = capsys.readouterr().err
    assert "torch 2.10 is new: add its row by hand" in told
    assert 'torchvision 0.24: torch "2.8" → "2.9"' in told
    assert main((), folder, index) == 0
    assert "→" not in capsys.readouterr().err


def test_check_writes_nothing(folder: Path, index: Index) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert main(("--check",), folder, index) == 1
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    main((), folder, index)
    assert main(("--check",), folder, index) == 0


def test_the_tables_are_written_as_the_tool_writes_them() -> None:
    for name in (*TABLES, "gpus.json", "cuda.json", "numpy_abi.json"):
        held = (Path(tables.__file__).parent / name).read_text("utf-8")
        assert f"{text(json.loads(held))}\n" == held, name
