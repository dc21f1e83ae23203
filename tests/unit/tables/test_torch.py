from __future__ import annotations

from typing import Any

import pytest

from slimtorch.tables.torch import builds, check_pair, check_python, check_table, cuda_of


def row(**changes: Any) -> dict[str, Any]:
    return {"torch": "2.9", "cuda": ["12.6", "12.8"], "python": ["3.10", "3.14"], **changes}


def test_the_table_loads_and_holds_what_was_released() -> None:
    table = {build.torch: build for build in builds()}
    assert table["2.0"].cuda == ("11.7", "11.8")
    assert table["2.7"].cuda == ("11.8", "12.6", "12.8")
    assert "2.10" in table
    assert next(iter(table)) == "2.0"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(), row()], "releases are not in order, or one is there twice"),
        ([row(torch="2.10"), row(torch="2.9")], "releases are not in order"),
        ([row(cuda=["12.8", "12.6"])], "CUDA versions of torch 2.9 are not in order"),
        ([row(cuda=["12.8", "12.8"])], "CUDA versions of torch 2.9 are not in order"),
        ([row(cuda=["cu128"])], "'cu128', which is not MAJOR.MINOR"),
        ([row(cuda=[12.8])], "12.8, which is not MAJOR.MINOR"),
        ([row(torch="2.9.1")], "'2.9.1', which is not MAJOR.MINOR"),
        ([row(cuda=[])], "says too little of torch 2.9"),
        ([row(python=["3.10"])], "says too little of torch 2.9"),
        ([row(python=["3.14", "3.10"])], "Pythons of torch 2.9 are not in order"),
    ],
)
def test_a_damaged_table_is_refused(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_table(rows)


@pytest.mark.parametrize("torch", ["2.7", "2.7.1", "2.7.1+cu118"])
@pytest.mark.parametrize("device", ["cuda11.8", "cu118", "cuda11", "cpu", "cuda", "rocm6.3", ""])
def test_pairs_that_exist(torch: str, device: str) -> None:
    assert check_pair(torch, device) is None


@pytest.mark.parametrize("torch", ["3.0", "2.99.0", "1.13", "nightly", ""])
def test_unknown_is_not_impossible(torch: str) -> None:
    assert check_pair(torch, "cuda11.8") is None
    assert check_python(torch, "3.11") is None


def test_impossible_pairs_name_the_nearest() -> None:
    assert check_pair("2.9.1", "cuda11.8") == (
        "torch 2.9 was never built for CUDA 11.8, only for 12.6, 12.8, 12.9 and 13.0; "
        "the nearest torch for CUDA 11.8 is 2.7"
    )
    assert "the nearest torch for CUDA 12.1 is 2.5" in str(check_pair("2.9", "cu121"))
    assert "the nearest torch for CUDA 13.0 is 2.9" in str(check_pair("2.8", "cu130"))
    assert "no torch was built for CUDA 10.2" in str(check_pair("2.9", "cuda10.2"))


def test_pythons() -> None:
    assert check_python("2.13.0", "3.11") is None
    assert check_python("2.9", "3.9") == "torch 2.9 has wheels for Python 3.10 to 3.14, not for 3.9"


@pytest.mark.parametrize(
    ("device", "cuda"), [("cu118", "11.8"), ("cu130", "13.0"), ("cuda12.8", "12.8"), ("cuda12", "12"), ("cpu", "")]
)
def test_cuda_of_a_device(device: str, cuda: str) -> None:
    assert cuda_of(device) == cuda
