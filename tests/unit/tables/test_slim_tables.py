from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from slimtorch import tables
from slimtorch.sources.patterns import matcher
from slimtorch.tables import slim_packages, slim_paths, vendor

PATHS = Path(__file__).with_name("installed_paths.txt").read_text("utf-8").split()
"""Paths of torch 2.13 and 2.14, their wheels of CUDA 13 and older ones: what the tables were written for."""


@pytest.mark.parametrize("rule", slim_paths.path_rules().rules, ids=lambda rule: rule.id)
def test_each_rule_on_paths_is_about_something_real(rule: slim_paths.PathRule) -> None:
    assert rule.distributions or any(map(matcher(rule.patterns), PATHS))
    assert rule.reason[0].islower()
    assert not rule.reason.endswith(".")


@pytest.mark.parametrize(
    "rule", [rule for rule in slim_packages.package_rules().rules if rule.patterns], ids=lambda rule: rule.id
)
def test_each_rule_on_parts_is_about_something_real(rule: slim_packages.PackageRule) -> None:
    assert any(map(matcher(rule.patterns), PATHS))
    for exception in rule.exceptions:
        assert any(map(matcher([exception]), filter(matcher(rule.patterns), PATHS)))


@pytest.mark.parametrize("pattern", slim_paths.path_rules().kept)
def test_each_kept_pattern_is_about_something_real(pattern: str) -> None:
    assert any(map(matcher([pattern]), PATHS)) or pattern == "*.egg-info"


@pytest.mark.parametrize(
    "path",
    [
        "torch/testing/__init__.py", "torchgen/model.py", "torch/bin/torch_shm_manager", "torch/py.typed",
        "torch-2.14.1.dist-info/METADATA", "torch/_inductor/codegen/cpp_prefix.h", "triton/backends/nvidia/bin/ptxas",
        "triton/backends/nvidia/include/cuda.h", "triton/backends/nvidia/lib/libdevice.10.bc",
        "triton/backends/nvidia/lib/cupti/libcupti.so",
    ],
)  # fmt: skip
def test_what_is_needed_is_in_no_rule_on_paths(path: str) -> None:
    table = slim_paths.path_rules()
    taken = [rule.id for rule in table.rules if matcher(rule.patterns)(path) and not matcher(rule.exceptions)(path)]
    assert matcher(table.kept)(path) or not taken


def damaged(name: str, **columns: object) -> dict[str, Any]:
    table = copy.deepcopy(tables.load(name))
    table["rules"][0] |= columns
    return table


@pytest.mark.parametrize(
    "columns",
    [
        {"reason": ""}, {"check": "guessed"}, {"colour": "red"}, {"unless": ["phase:moon"]}, {"unless": ["has"]},
        {"patterns": [], "distributions": []}, {"id": "protoc"},
    ],
)  # fmt: skip
def test_a_damaged_table_of_paths_is_told(columns: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"rule|table"):
        slim_paths.check_table(damaged("slim_paths", **columns))


@pytest.mark.parametrize(
    "columns",
    [
        {"reason": " "}, {"patterns": ["torch/**"]}, {"distributions": []}, {"colour": "red"}, {"unless": ["uses:"]},
        {"along": ["nothing"]}, {"id": "sympy"},
    ],
)  # fmt: skip
def test_a_damaged_table_of_packages_is_told(columns: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"rule|table"):
        slim_packages.check_table(damaged("slim_packages", **columns))


def test_a_damaged_table_of_vendors_is_told() -> None:
    table = tables.load("vendor")
    damages: list[dict[str, Any]] = [
        {"names": []},
        {"names": ["a", "a"]},
        {"open": {"owners": ["b", "a"], "except": ["x"]}},
    ]
    for wrong in damages:
        with pytest.raises(ValueError, match="vendors"):
            vendor.check_table({**table, **wrong})
