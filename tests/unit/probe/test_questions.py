from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from slimtorch.errors import ConfigError
from slimtorch.probe.questions import Question, difference, load

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1.0, 1.000009),
        (1, 1.0),
        (1e9, 1e9 + 1e3),
        ({"a": [1, {"b": 0.0}]}, {"a": [1, {"b": 1e-6}], "more": 1}),
        (math.nan, math.nan),
        (None, None),
        ("x", "x"),
    ],
)
def test_the_same_within_the_tolerance(expected: Any, got: Any) -> None:
    assert difference(expected, got, 1e-5) == ""


@pytest.mark.parametrize(
    ("expected", "got", "where"),
    [
        (1.0, 1.0001, "answer is 1.0001, not 1.0"),
        ({"a": [1, {"b": 0.5}]}, {"a": [1, {"b": 0.6}]}, "answer.a[1].b is 0.6"),
        ({"a": 1}, {}, "has no 'a'"),
        ([1, 2], [1], "has 1 items, not 2"),
        (True, 1, "is 1, not true"),
        (1, True, "is true, not 1"),
        ("1", 1, 'is 1, not "1"'),
        (1.0, math.nan, "is nan"),
        (None, 0, "is 0, not null"),
        ([], {}, "is {}, not []"),
    ],
)
def test_the_first_difference_is_named(expected: Any, got: Any, where: str) -> None:
    assert where in difference(expected, got, 1e-5)


def test_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / "checks.json"
    path.write_text(json.dumps([{"input": {"x": 1}, "output": 2}]))
    assert load(path) == (Question({"x": 1}, 2),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("{}", "is no list"),
        ("[1]", "item 1: is no object"),
        ('[{"input": 1}]', "item 1: has no output"),
        ('[{"input": 1, "output": 2}, {}]', "item 2: has no input and no output"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_bad_files_say_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "checks.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        load(path)
    assert str(path) in caught.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "gone.json")
