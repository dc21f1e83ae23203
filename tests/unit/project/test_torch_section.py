from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ConfigError
from slimtorch.project.config import config_digest, inputs
from slimtorch.project.model import Torch
from tests.support.projects import service

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "device", "cuda", "gpus"),
    [
        ("", "", "", []),
        ('device = "cpu"', "cpu", "", []),
        ('device = "cuda"', "cuda", "", []),
        ('cuda = "13.0"', "cuda", "13.0", []),
        ('device = "cuda"\ncuda = "12.6"', "cuda", "12.6", []),
        ('gpus = ["H100", "nvidia l4", "8.6"]', "cuda", "", [("h100", "9.0"), ("l4", "8.9"), ("8.6", "8.6")]),
        ('gpus = ["a10g", "a10"]', "cuda", "", [("a10", "8.6")]),
    ],
)
def test_what_is_read(tmp_path: Path, text: str, device: str, cuda: str, gpus: list[tuple[str, str]]) -> None:
    found = service(tmp_path, "", f"[torch]\n{text}\n").torch
    assert (found.device, found.cuda) == (device, cuda)
    assert [(gpu.name, gpu.capability) for gpu in found.gpus] == gpus


def test_without_the_section(tmp_path: Path) -> None:
    assert service(tmp_path).torch == Torch()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('device = "cu128"', 'write device = "cuda" and cuda = "12.8"'),
        ('cuda = "cu130"', 'write cuda = "13.0"'),
        ('cuda = "13.0.2"', 'write cuda = "13.0"'),
        ("cuda = 13.0", 'write it in quotes: cuda = "13.0"'),
        ('gpus = ["sm_90a"]', 'write the compute capability: gpus = ["9.0"]'),
        ('gpus = ["90"]', 'write the compute capability: gpus = ["9.0"]'),
        ("gpus = [9.0]", 'gpus = ["9.0"]'),
        ('gpus = ["mi300x"]', "known are k80, "),
        ('device = "cpu"\ngpus = ["h100"]', 'drop it, or set device = "cuda"'),
    ],
)
def test_the_way_out(tmp_path: Path, text: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        service(tmp_path, "", f"[torch]\n{text}\n")
    assert hint in caught.value.hint


def test_device_and_cuda_decide_the_lock_and_gpus_do_not(tmp_path: Path) -> None:
    sections = ["", 'device = "cuda"', 'cuda = "12.6"', 'cuda = "13.0"', 'device = "cpu"']
    digests = [config_digest(service(tmp_path, "", f"[torch]\n{text}\n")) for text in sections]
    assert len(set(digests)) == len(sections)
    assert config_digest(service(tmp_path, "", '[torch]\ncuda = "13.0"\ngpus = ["h100"]\n')) == digests[3]
    assert config_digest(service(tmp_path, "", '[torch]\ngpus = ["h100"]\n')) == digests[1]


def test_what_changed_is_called_torch(tmp_path: Path) -> None:
    before, after = (inputs(service(tmp_path, "", f'[torch]\ncuda = "{cuda}"\n')) for cuda in ("12.6", "13.0"))
    assert {name for name in before if before[name] != after[name]} == {"torch"}
