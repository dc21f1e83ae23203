from __future__ import annotations

import pytest

from slimtorch.image.digest import of_bytes
from slimtorch.image.naming import Content
from slimtorch.project.facts import TorchFacts, content, facts
from slimtorch.project.lock import LockedWheel
from slimtorch.project.model import Naming


def wheels(*pins: str) -> list[LockedWheel]:
    pairs = (pin.split("==") for pin in pins)
    return [LockedWheel(name, version, f"{name}.whl", of_bytes(b""), 1) for name, version in pairs]


@pytest.mark.parametrize(
    ("pins", "expected"),
    [
        (["torch==2.13.0+cpu"], TorchFacts("2.13.0", "cpu")),
        (["torch==2.9.1+cu128"], TorchFacts("2.9.1", "cuda12.8", "12.8")),
        (["torch==2.9.1+cu130"], TorchFacts("2.9.1", "cuda13.0", "13.0")),
        (["torch==2.7.1+cu118"], TorchFacts("2.7.1", "cuda11.8", "11.8")),
        (["torch==2.9.1", "nvidia-cuda-runtime-cu12==12.8.90"], TorchFacts("2.9.1", "cuda12.8", "12.8")),
        (["torch==2.14.1", "cuda-toolkit==13.0.2", "nvidia-cudnn-cu13==9.2"], TorchFacts("2.14.1", "cuda13.0", "13.0")),
        (["Torch==2.14.1", "nvidia_cuda_runtime==13.2.75"], TorchFacts("2.14.1", "cuda13.2", "13.2")),
        (["torch==2.13.0"], TorchFacts("2.13.0", "cpu")),
        (["torch==2.9.1+rocm6.4"], TorchFacts("2.9.1", "rocm6.4")),
        (["torch==2.9.1+xpu"], TorchFacts("2.9.1", "xpu")),
        (["onnxruntime==1.31.0"], TorchFacts("", "cpu", "", "1.31.0")),
        (["onnxruntime-gpu==1.31.0"], TorchFacts("", "cuda", "", "1.31.0")),
        (["onnxruntime-gpu==1.31.0", "nvidia-cuda-runtime-cu12==12.9.1"], TorchFacts("", "cuda12.9", "12.9", "1.31.0")),
        (["numpy==2.0"], TorchFacts()),
    ],
)
def test_facts(pins: list[str], expected: TorchFacts) -> None:
    assert facts(wheels(*pins)) == expected


def test_content_for_a_tag() -> None:
    assert content(TorchFacts("2.13.0", "cpu"), Naming(version="1.2"), "3.11") == Content(
        "1.2", "2.13.0", "cpu", "3.11", ""
    )
