"""``slimtorch verify --on-gpu`` where there is no GPU, and what its results look like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slimtorch.cli.main import run as main
from slimtorch.flows.on_gpu import Compared, findings, summary
from slimtorch.host.engines import gpu

if TYPE_CHECKING:
    from collections.abc import Sequence


def test_on_gpu_needs_the_original(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--cache-dir", str(tmp_path), "verify", "oci:x", "--on-gpu"]) == 2
    assert "--against ORIGINAL" in capsys.readouterr().err


@pytest.mark.skipif(any(Path(device).exists() for device in gpu.DEVICES), reason="this machine has a GPU")
def test_without_a_gpu(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--cache-dir", str(tmp_path), "verify", "oci:x", "--against", "oci:y", "--on-gpu"]) == 2
    said = capsys.readouterr().err
    assert "this machine has no NVIDIA GPU" in said
    assert "bench/gpu_parity" in said


@pytest.mark.parametrize(
    ("differences", "missing", "said"),
    [
        ((), (), "H100: 70 of 70 operator families are alike"),
        (("norms: fails",), ("fft-real",), "H100: 69 of 70 operator families are alike; fail as they must, "),
    ],
)
def test_what_was_computed(differences: Sequence[str], missing: Sequence[str], said: str) -> None:
    compared = Compared("H100", 70, tuple(differences), tuple(missing))
    assert summary(compared).startswith(said)
    assert [finding.rule for finding in findings(compared)] == ["RUN638"] * len(differences)
