from __future__ import annotations

from typing import Any

import pytest

from slimtorch.tables.torch import (
    builds,
    check_pair,
    check_python,
    check_table,
    code,
    cuda_of,
    cuda_versions,
    find,
    listed,
)


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
        ([row(triton="3.5+git")], "triton of torch 2.9 is no version: '3.5[+]git'"),
        ([row(default={"x86_64": "11.8"})], "default of torch 2.9 for 'x86_64' is no build of it"),
        ([row(default={"ppc64le": "cpu"})], "default of torch 2.9 for 'ppc64le' is no build of it"),
        ([row(code={"x86_64": {"11.8": "sm_80"}})], "code of torch 2.9 for x86_64 11.8, no build of it"),
        ([row(code={"riscv": {"12.8": "sm_80"}})], "code of torch 2.9 for riscv 12.8, no build of it"),
        ([row(code={"x86_64": {"12.8": "8.0 9.0"}})], "code of torch 2.9 for CUDA 12.8 is '8.0 9.0'"),
        ([row(code={"x86_64": {"12.8": "sm_80 sm_80"}})], "code of torch 2.9 for CUDA 12.8 is"),
        ([row(code={"x86_64": {"12.8": ""}})], "code of torch 2.9 for CUDA 12.8 is ''"),
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


def test_a_newest_release_may_have_been_built_for_a_newer_cuda() -> None:
    assert check_pair("2.15.0", "cu134") is None
    assert "2.15 was never built for CUDA 12.6, only for 13.0 and 13.2" in str(check_pair("2.15.0", "cu126"))


def test_device_code_of_wheels() -> None:
    assert code("2.14.1", "13.0") == ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")
    assert code("2.14.1+cu126", "12.6")[0] == "sm_50"
    assert "sm_110" in code("2.14.1", "13.0", "aarch64")
    assert "sm_110" not in code("2.14.1", "13.0")
    assert code("2.14.1", "11.8") == code("9.9", "13.0") == ()


def test_what_goes_with_the_default_build() -> None:
    build = find("2.9.1")
    assert build is not None
    assert (build.default["x86_64"], build.default["aarch64"], build.triton) == ("12.8", "cpu", "3.5")
    assert all(build.default["x86_64"] in build.cuda for build in builds())
    assert cuda_versions()[0] == "11.7"
    assert listed(["12.6"]) == "12.6"
