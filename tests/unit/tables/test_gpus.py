from __future__ import annotations

from typing import Any

import pytest

from slimtorch.tables.gpus import Gpu, check_table, covered, covers, find, gpus


def table(**changes: Any) -> dict[str, Any]:
    capabilities = {
        "8.0": {"family": "Ampere", "gpus": ["a100"]},
        "9.0": {"family": "Hopper", "gpus": ["h100", "h200"]},
    }
    return {"capabilities": capabilities, "aliases": {"hopper": "h100"}, **changes}


def test_the_table_loads() -> None:
    assert gpus()["l4"] == Gpu("l4", "8.9", "Ada Lovelace")
    assert gpus()["dgx-spark"].name == "gb10"
    assert {"k80", "p100", "v100", "t4", "a100", "a10g", "h100", "b200", "rtx-5090"} <= gpus().keys()
    assert check_table(table())["hopper"].capability == "9.0"


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        (table(capabilities={"9": {"family": "Hopper", "gpus": ["h100"]}}), "'9', which is not MAJOR.MINOR"),
        (table(capabilities=dict(reversed(table()["capabilities"].items()))), "not in order"),
        (table(capabilities={"9.0": {"gpus": ["h100"]}}), "says too little of 9.0"),
        (table(capabilities={"9.0": {"family": "Hopper", "gpus": []}}), "says too little of 9.0"),
        (table(capabilities={"9.0": {"family": "Hopper", "gpus": ["H100"]}}), r"'H100' \(9.0\)"),
        (table(capabilities={"9.0": {"family": "Hopper", "gpus": ["h100", "h100"]}}), "'h100'.*there twice"),
        (table(aliases={"h200": "h100"}), "alias 'h200' hides a name"),
        (table(aliases={"x": "h300"}), "'h300' is none"),
    ],
)
def test_a_damaged_table_is_refused(damaged: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_table(damaged)


@pytest.mark.parametrize(
    ("text", "name", "capability"),
    [
        ("h100", "h100", "9.0"),
        ("NVIDIA H100 80GB HBM3", "h100", "9.0"),
        ("NVIDIA A100-SXM4-80GB", "a100", "8.0"),
        ("Tesla V100-SXM2-16GB", "v100", "7.0"),
        ("Tesla T4", "t4", "7.5"),
        ("RTX_4090", "rtx-4090", "8.9"),
        ("NVIDIA GeForce RTX 4070 Ti SUPER", "rtx-4070-ti", "8.9"),
        ("NVIDIA RTX 6000 Ada Generation", "rtx-6000-ada", "8.9"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "rtx-pro-6000", "12.0"),
        ("NVIDIA GB10", "gb10", "12.1"),
        ("thor", "jetson-t5000", "11.0"),
        ("9.0", "9.0", "9.0"),
    ],
)
def test_names_as_the_driver_and_people_write_them(text: str, name: str, capability: str) -> None:
    found = find(text)
    assert found is not None
    assert (found.name, found.capability) == (name, capability)


@pytest.mark.parametrize("text", ["", "h1000", "4.2", "90", "sm_90", "NVIDIA", "geforce rtx", "h100 l4"])
def test_the_rest_is_unknown(text: str) -> None:
    assert find(text) is None


# By hand, from the CUDA programming guide's rules of binary compatibility.
COVERED = [
    ("sm_80", "a100", True), ("sm_80", "rtx-3090", True), ("sm_86", "a100", False), ("sm_86", "l4", True),
    ("sm_80", "h100", False), ("sm_90", "h100", True), ("sm_90a", "h100", True), ("sm_90a", "b200", False),
    ("sm_100", "b300", True), ("sm_100a", "b300", False), ("sm_100f", "b300", True), ("sm_103f", "b200", False),
    ("sm_120", "gb10", True), ("sm_120", "b200", False), ("sm_75", "v100", False), ("sm_70", "t4", True),
    # Jetson runs what was made for exactly it, and nothing made for it runs elsewhere.
    ("sm_86", "jetson-agx-orin", False), ("sm_87", "jetson-agx-orin", True), ("sm_87", "l4", False),
    ("sm_110", "thor", True), ("compute_80", "jetson-agx-orin", True),
    ("compute_80", "h100", True), ("compute_90", "a100", False), ("compute_90a", "b200", False),
    ("compute_90a", "h100", True), ("compute_120", "gb10", True),
    ("gfx90a", "h100", False), ("", "h100", False), ("sm_9", "h100", False),
]  # fmt: skip


@pytest.mark.parametrize(("code", "name", "runs"), COVERED)
def test_what_code_runs_where(code: str, name: str, runs: bool) -> None:  # noqa: FBT001
    assert covers(code, gpus()[name]) is runs


def test_compiled_code_is_better_than_ptx() -> None:
    assert covered(("sm_80", "compute_90"), gpus()["h100"]) == "ptx"
    assert covered(("compute_80", "sm_90"), gpus()["h100"]) == "cubin"
    assert covered(("sm_80",), gpus()["h100"]) == ""
    assert covered((), gpus()["h100"]) == ""
