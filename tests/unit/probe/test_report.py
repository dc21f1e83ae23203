from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimtorch.errors import ToolError
from slimtorch.probe.report import Report, parse

GOOD: dict[str, Any] = {
    "identity": {"uid": 1000, "CapEff": "0000000000000000"},
    "unwritable": [["/cache", "denied"]],
    "imports": [["json", 0.5, ""]],
    "load_seconds": 1.5,
    "answers": [[200, "{}"]],
    "health": [0, "well"],
    "exit": None,
    "log": ["starts"],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def test_the_last_line_is_the_report() -> None:
    found = parse(b"noise\n" + json.dumps(GOOD).encode())
    assert found == Report(
        GOOD["identity"], (), (("/cache", "denied"),), (("json", 0.5, ""),), False, 1.5, ((200, "{}"),),
        health=(0, "well"), log=("starts",),
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"identity": []},
        {"identity": {"uid": None}},
        {"answers": [["200", "{}"]]},
        {"answers": [[200]]},
        {"answers": 5},
        {"load_seconds": "soon"},
        {"load_seconds": float("nan")},
        {"resident": float("inf")},
        {"peak": 10**400},
        {"health": [0, "well", "more"]},
        {"log": [7]},
        {"said": None},
    ],
)
def test_a_value_that_is_not_what_it_should_be_is_no_report(change: dict[str, Any]) -> None:
    with pytest.raises(ToolError, match="gave no report"):
        parse(json.dumps(GOOD | change).encode())


@pytest.mark.parametrize("output", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_no_report(output: bytes) -> None:
    with pytest.raises(ToolError, match="gave no report"):
        parse(output)


@given(st.dictionaries(st.sampled_from(Report.__slots__), JSON))
def test_anything_is_a_report_or_none(value: dict[str, Any]) -> None:
    try:
        found = parse(json.dumps(GOOD | value).encode())
    except ToolError:
        return
    assert "".join(found.log).encode() is not None
