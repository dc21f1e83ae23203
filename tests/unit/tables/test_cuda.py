from __future__ import annotations

from typing import Any

import pytest

from slimtorch.tables.cuda import check_table, driver, find, toolkits
from slimtorch.tables.torch import cuda_versions


def table(*rows: dict[str, Any], **majors: str) -> dict[str, Any]:
    return {"majors": majors or {"13": "580"}, "toolkits": rows}


def row(**changes: Any) -> dict[str, Any]:
    return {"cuda": "13.0", "driver": "580.65.06", "lowest": "7.5", **changes}


def test_every_cuda_that_torch_was_built_for_has_a_driver() -> None:
    assert {toolkit.cuda for toolkit in toolkits()} >= set(cuda_versions())


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        (table(row(cuda="13")), "'13'"),
        (table(row(lowest="")), "is not MAJOR.MINOR"),
        (table(row(driver="")), "has no driver for CUDA 13.0"),
        (table(row(cuda="14.0")), "has no driver for CUDA 14.0, or none for its major version"),
        (table(row(driver="570.1")), "driver of CUDA 13.0 is older than that of its major version"),
        (table(row(cuda="13.1"), row(driver="590.1")), "a cuda is there twice"),
        (table(row(), row(cuda="13.1")), "a driver is there twice"),
    ],
)
def test_a_damaged_table_is_refused(damaged: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_table(damaged)


@pytest.mark.parametrize(
    ("cuda", "enough", "own"),
    [
        ("11.8", "450.80.02", "520.61.05"),
        ("12.6", "525.60.13", "560.28.03"),
        ("12.8", "525.60.13", "570.26"),
        ("13.0", "580", "580.65.06"),
        ("13.0.2", "580", "580.65.06"),
        ("13.9", "580", ""),
        ("14.0", "", ""),
        ("", "", ""),
    ],
)
def test_drivers(cuda: str, enough: str, own: str) -> None:
    assert driver(cuda) == enough
    assert driver(cuda, exact=True) == own


def test_the_oldest_gpus() -> None:
    thirteen, twelve = find("13.2"), find("12.6")
    assert thirteen is not None
    assert twelve is not None
    assert (twelve.lowest, thirteen.lowest) == ("5.0", "7.5")
