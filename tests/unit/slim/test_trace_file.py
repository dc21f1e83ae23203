from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from slimtorch.errors import ConfigError
from slimtorch.slim import trace_file
from slimtorch.slim.trace import Run, Trace
from tests.support.traces import record, used

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_what_is_written_is_read() -> None:
    odd = used("a==1", "a/\udcff é.py", asked_for=["a/b"], modules=["a"])
    trace = Trace(("sha256:1",), (Run("`x`", "access times", "unshare"),), {"a==1": odd}, gpu=True)
    data = trace_file.dump(trace)
    assert trace_file.parse(json.loads(data)) == trace
    assert trace_file.dump(trace_file.parse(json.loads(data))) == data


def drop(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda value: value.pop(name)


def put(name: str, new: object) -> Callable[[dict[str, Any]], object]:
    return lambda value: value.update({name: new})


def in_package(name: str, new: object) -> Callable[[dict[str, Any]], object]:
    return lambda value: value["packages"][0].update({name: new})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (drop("slimtorch-trace"), '"slimtorch-trace" is None'),
        (put("slimtorch-trace", 2), "2, not 1"),
        (put("runs", []), "no run"),
        (put("runs", ["x"]), "an object"),
        (put("images", "sha256:1"), '"images" is not a list'),
        (drop("packages"), '"packages" is not a list'),
        (put("packages", {"a": 1}), '"packages" is not a list'),
        (in_package("name", None), '"name" is not text'),
        (in_package("size", -1), '"size" is no size'),
        (in_package("files", True), '"files" is no size'),
        (in_package("size", 1e400), '"size" is no size'),
        (in_package("opened", ["a"]), '"opened" is not an object'),
        (in_package("opened", {"a": "1"}), '"opened" is no size'),
        (in_package("modules", [1]), '"modules" is not text'),
    ],
)
def test_a_value_that_is_not_what_it_should_be(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], object], said: str
) -> None:
    path = record(tmp_path, used("a==1", "a.py"))
    value = json.loads(path.read_text())
    spoil(value)
    path.write_text(json.dumps(value))
    with pytest.raises(ConfigError) as caught:
        trace_file.read(path)
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert "slimtorch trace" in caught.value.hint


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe\x00", b"1", b"[" * 100_000])
def test_what_is_no_record(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.json").write_bytes(data)
    with pytest.raises(ConfigError, match=r"t\.json"):
        trace_file.read(tmp_path / "t.json")


def test_a_record_that_is_not_there_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        trace_file.read(tmp_path / "none.json")
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(trace_file.LIMIT + 1)
    with pytest.raises(ConfigError, match="larger than"):
        trace_file.read(tmp_path / "large.json")
