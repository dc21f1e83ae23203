from __future__ import annotations

from typing import Any

import pytest

from slimtorch.tables.numpy_abi import boundaries, needs_numpy_1
from slimtorch.tables.numpy_abi import check_table as check_numpy
from slimtorch.tables.partners import (
    check_onnx,
    check_torch,
    onnx_runtime,
    onnx_runtimes,
    partner,
    partners,
    partners_of,
)


def vision(**changes: Any) -> dict[str, Any]:
    return {"name": "torchvision", "version": "0.24", "torch": "2.9", **changes}


def onnx(**changes: Any) -> dict[str, Any]:
    return {"first": "1.19", "last": "1.26", "cuda": 12, "cudnn": 9, **changes}


def test_the_tables_load() -> None:
    assert {row.name for row in partners()} == {"torchvision", "torchaudio"}
    assert len(onnx_runtimes()) >= 3
    assert "opencv-python-headless" in boundaries()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([vision(), vision()], "not in order, or a release is there twice"),
        ([vision(version="0.25"), vision()], "not in order"),
        ([vision(version="0.24.1")], "'torchvision' '0.24.1' for torch '2.9'"),
        ([vision(torch="")], "for torch ''"),
        ([vision(name="")], "'' '0.24'"),
    ],
)
def test_damaged_pairs_are_refused(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_torch(rows)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([onnx(first="1.19.2")], "'1.19.2' to '1.26', which is not MAJOR.MINOR"),
        ([onnx(last=1.26)], "to 1.26, which is not MAJOR.MINOR"),
        ([onnx(cuda="12")], "says too little of 1.19"),
        ([onnx(cudnn=None)], "says too little of 1.19"),
        ([onnx(last="1.9")], "not in order at 1.19"),
        ([onnx(), onnx(first="1.26", last="1.27")], "not in order at 1.26"),
    ],
)
def test_a_damaged_onnx_table_is_refused(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_onnx(rows)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"last": "1.12"}, "versions of scipy are no versions"),
        ({"last": "1.12", "first": "new"}, "versions of scipy are no versions"),
        ({"last": "1.12", "first": None}, "versions of scipy are no versions"),
        ({"last": "1.13", "first": "1.12"}, "versions of scipy are upside down"),
    ],
)
def test_a_damaged_numpy_table_is_refused(row: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_numpy({"scipy": row})


def test_pairs() -> None:
    assert partners_of("torchvision", "2.9.1+cu128") == ("0.24",)
    assert partners_of("torchvision", "2.15.0") == ("0.29",)
    assert partners_of("torchaudio", "2.14.1") == ("2.11",)
    assert partner("torchvision", "0.99") is None
    assert partner("torchtext", "0.18") is None
    found = partner("torchvision", "0.24.1+cpu")
    assert found is not None
    assert found.goes_with("2.9.1")
    assert not found.goes_with("2.10.0")


@pytest.mark.parametrize(
    ("version", "wants"),
    [
        ("1.18.1", (11, 8)),
        ("1.19.0", (12, 9)),
        ("1.26.0", (12, 9)),
        ("1.27.0", (13, 9)),
        ("1.99", None),
        ("1.14", None),
    ],
)
def test_what_onnxruntime_gpu_loads(version: str, wants: tuple[int, int] | None) -> None:
    row = onnx_runtime(version)
    assert ((row.cuda, row.cudnn) if row else None) == wants


@pytest.mark.parametrize(
    ("name", "version", "old"),
    [
        ("opencv-python", "4.9.0.80", True),
        ("opencv-python", "4.10.0.82", True),
        ("opencv-python", "4.10.0.83", False),  # between what was looked at
        ("opencv-python", "4.10.0.84", False),
        ("scikit-learn", "1.4.1.post1", True),
        ("scikit-learn", "1.4.2", False),
        ("pandas", "2.2.1", True),
        ("requests", "1.0", False),
        ("pandas", "local build", False),
    ],
)
def test_who_needs_numpy_1(name: str, version: str, old: bool) -> None:  # noqa: FBT001
    assert (needs_numpy_1(name, version) is not None) is old
