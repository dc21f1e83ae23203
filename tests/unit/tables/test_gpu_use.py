"""The table of what distributions do with a GPU."""

from __future__ import annotations

from typing import Any

import pytest

from slimtorch.tables.gpu_use import check_table, known

GOOD: dict[str, Any] = {"needs": ["cupy-*"], "takes": {"whisper": ["whisper.load"]}, "follows": ["timm"], "calls": []}


def test_the_table_is_whole() -> None:
    table = known()
    assert table.needed_by("cupy-cuda12x")
    assert table.needed_by("onnxruntime-gpu")
    assert not table.needed_by("onnxruntime")
    assert table.known("torchvision")
    assert not table.known("somebody-elses-models")


@pytest.mark.parametrize(
    "wrong",
    [
        {"needs": ["CuPy"]},
        {"follows": ["timm", "whisper"]},
        {"follows": ["cupy-cuda12x"]},
        {"takes": {"whisper": ["load"]}},
        {"calls": ["pipeline"]},
        {"needs": ["*"]},
    ],
)
def test_a_damaged_table_is_refused(wrong: dict[str, Any]) -> None:
    assert check_table(GOOD)
    with pytest.raises(ValueError, match="wrong about"):
        check_table({**GOOD, **wrong})
