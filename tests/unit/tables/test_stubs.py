from __future__ import annotations

import copy
from typing import Any

import pytest

from slimtorch import tables
from slimtorch.tables import stubs


def test_every_name_of_the_issue_has_been_tried_but_not_cufile() -> None:
    wanted = {"nccl", "cufft", "cusparse", "cusparselt", "curand", "cusolver", "nvshmem", "nvjitlink"}
    assert wanted <= set(stubs.names())
    assert "cufile" not in stubs.names()
    assert all(stubs.complaint(name) == "" for name in stubs.names())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cufile", "cannot have a stand-in: it brings its own copy"),
        ("libcudnn.so.9", "cannot have a stand-in: torch's convolutions"),
        ("cufftt", "did you mean `cufft`?"),
        ("NCCL", "did you mean `nccl`?"),
        ("libnvJitLink.so.13", "did you mean `nvjitlink`?"),
        ("zlib", "there are cufft, curand"),
    ],
)
def test_other_names_are_explained(name: str, says: str) -> None:
    assert says in stubs.complaint(name)


def test_functions_return_what_the_table_says() -> None:
    nccl, nvshmem = stubs.stand_ins()["nccl"], stubs.stand_ins()["nvshmem"]
    assert nccl.returns("ncclAllReduce") == 2
    assert nccl.returns("ncclGetErrorString") is None
    assert nvshmem.returns("nvshmem_malloc") == 0
    assert nvshmem.returns("nvshmem_my_pe") == nvshmem.returns("nvshmem_team_n_pes") == -1
    assert nvshmem.returns("nvshmemx_init_status") == 0
    assert nvshmem.returns("nvshmemx_hostlib_init_attr") == 7


def test_the_message_names_the_tool_and_the_setting() -> None:
    for name, stand_in in stubs.stand_ins().items():
        assert "slimtorch" in stand_in.message
        assert f'[slim] stubs = ["{name}"]' in stand_in.message


def test_a_soname_that_was_not_tried_is_known_as_the_library() -> None:
    cufft = stubs.stand_ins()["cufft"]
    assert cufft.stands_for("libcufft.so.99")
    assert not cufft.stands_for("libcufftw.so.12")


@pytest.mark.parametrize(
    "change",
    [
        {"code": 0},
        {"code": 1 << 20},
        {"values": {"x": -(1 << 20)}},
        {"sonames": {}},
        {"without": ""},
    ],
)
def test_a_damaged_row_is_a_bug(change: dict[str, Any]) -> None:
    table = copy.deepcopy(tables.load("stubs"))
    table["libraries"]["nccl"] |= change
    with pytest.raises(ValueError, match="table of stand-ins"):
        stubs.check_table(table)


def test_a_library_may_not_be_offered_and_refused() -> None:
    table = copy.deepcopy(tables.load("stubs"))
    table["refused"]["nccl"] = "no"
    with pytest.raises(ValueError, match="refuses what it offers"):
        stubs.check_table(table)
