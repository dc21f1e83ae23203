"""How results of operator families are compared; computing them needs torch and is a live test."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from slimtorch.errors import ToolError
from slimtorch.probe import on_gpu
from slimtorch.probe.in_image.operators.__main__ import main
from slimtorch.probe.in_image.operators.comparing import compare

if TYPE_CHECKING:
    from pathlib import Path


def row(digest: str, *values: float, stable: bool = True) -> dict[str, Any]:
    return {"digest": digest, "values": list(values), "stable": stable}


def results(device: str = "one", **families: dict[str, Any]) -> dict[str, Any]:
    return {"about": {"device": device, "torch": "2", "python": "3"}, "families": families}


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (row("a", 1), row("a", 1), ""),
        (row("a", 1), row("b", 1.0001), "gives other bytes (up to 0.0001 apart in the values that were kept)"),
        (row("a", 1, stable=False), row("b", 1.0001), ""),
        (row("a", 1), row("b", 1.0001, stable=False), ""),
        (
            row("a", 1, stable=False),
            row("b", 1.1, stable=False),
            "gives other values (up to 0.1 apart in the values that were kept)",
        ),
        (row("a", 1000, 0, stable=False), row("b", 1000, 0.5, stable=False), ""),
        (row("a", math.nan, stable=False), row("b", math.nan, stable=False), ""),
        (
            row("a", 1, stable=False),
            row("b", math.nan, stable=False),
            "gives other values (up to nan apart in the values that were kept)",
        ),
        (
            row("a", 1, stable=False),
            row("b", stable=False),
            "gives other values (up to 0 apart in the values that were kept)",
        ),
        (row("a", 1), {"error": "boom"}, "fails: boom"),
        ({"error": "boom"}, {"error": "boom"}, ""),
        ({"error": "boom"}, {"error": "bang"}, "fails: bang"),
        ({"error": "boom"}, row("a", 1), ""),
    ],
)
def test_one_family(first: dict[str, Any], second: dict[str, Any], said: str) -> None:
    assert compare(results(x=first), results(x=second)) == ([f"x: {said}"] if said else [])


def test_a_family_that_was_not_computed() -> None:
    assert compare(results(x=row("a")), results()) == ["x: fails: was not computed"]


def test_families_that_must_fail() -> None:
    before = results(**{"fft-real": row("a"), "fft-many": row("b")})
    after = results(**{"fft-real": {"error": "RuntimeError: cuFFT error"}, "fft-many": row("b")})
    assert compare(before, after, [("fft-*", "cufft")]) == [
        "fft-many: should fail with an error that names cufft, and works"
    ]
    silent = results(**{"fft-real": {"error": "segfault"}, "fft-many": {"error": "no cufft"}})
    assert compare(before, silent, [("fft-*", "cufft")]) == ["fft-real: fails without naming cufft: segfault"]
    assert compare(before, before, [("ftt*", "cufft")]) == ["there is no family 'ftt*'"]


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = {}
    for name, found in {"a": results(x=row("a")), "b": results(x=row("b")), "other": results("two")}.items():
        paths[name] = str(tmp_path / name)
        (tmp_path / name).write_text(json.dumps(found))
    assert main(["compare", paths["a"], paths["a"]]) == 0
    assert main(["compare", paths["a"], paths["b"]]) == 1
    assert capsys.readouterr().out.endswith("1 families, 1 differences\n")
    assert main(["compare", paths["a"], paths["other"]]) == 2
    assert main(["compare", paths["a"], str(tmp_path / "none")]) == 2
    assert "computed on one and two" in capsys.readouterr().err


def test_results_from_inside_an_image() -> None:
    found = on_gpu.parse(b"noise\n" + json.dumps(results(x=row("a", math.nan), y={"error": "e"})).encode())
    assert found["about"]["device"] == "one"
    assert math.isnan(found["families"]["x"]["values"][0])
    assert found["families"]["y"] == {"error": "e"}


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"[]",
        b"{}",
        b'{"families": {"x": {}}}',
        b'{"families": {"x": {"error": 1}}}',
        b'{"about": 1}',
        b"[" * 100_000,
    ],
)
def test_what_are_no_results(said: bytes) -> None:
    with pytest.raises(ToolError, match=r"gave no results|no family was reported"):
        on_gpu.parse(said)


def test_an_image_that_cannot_use_the_gpu() -> None:
    with pytest.raises(ToolError, match="nothing could be computed on the GPU: RuntimeError: no driver"):
        on_gpu.parse(b'{"error": "RuntimeError: no driver"}')
