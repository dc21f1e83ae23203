from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimtorch.deps.split import poetry, pyproject, toml_array
from slimtorch.deps.split.model import Decision, Place
from slimtorch.deps.split.toml_array import Piece
from slimtorch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

DECISIONS: Mapping[str, Decision] = {
    **dict.fromkeys(("black", "flake8"), Decision(Place.DEV, "a tool")),
    **dict.fromkeys(("pytest", "pytest-cov"), Decision(Place.TEST, "for tests")),
}
LONG = """\
# top
[project]
name = "svc"
dependencies = [
    # --- serving ---
    "torch>=2",  # the model
    # runs the tests
    "pytest>=7",
    'black',  # formats
    "fastapi"
]  # end

[project.scripts]
svc = "svc:main"

# how code looks
[tool.ruff]
line-length = 1
"""
SPLIT = """\
# top
[project]
name = "svc"
dependencies = [
    # --- serving ---
    "torch>=2",  # the model
    "fastapi"
]  # end

[project.scripts]
svc = "svc:main"

[dependency-groups]
test = [
    # runs the tests
    "pytest>=7",
]
dev = [
    {include-group = "test"},
    'black',  # formats
]

# how code looks
[tool.ruff]
line-length = 1
"""


def split(text: str) -> str:
    new = pyproject.plan(text, DECISIONS).text
    assert pyproject.difference(text, new) == ()
    assert pyproject.plan(new, DECISIONS).text == new
    return new


def test_comments_order_and_layout_are_kept() -> None:
    assert split(LONG) == SPLIT


def test_line_ends_are_kept() -> None:
    assert split(LONG.replace("\n", "\r\n")) == SPLIT.replace("\n", "\r\n")


def test_moves_say_the_line() -> None:
    moves = pyproject.plan(LONG, DECISIONS).moves
    assert [(move.line, move.text, str(move.decision.to)) for move in moves] == [
        (6, "torch>=2", "prod"),
        (8, "pytest>=7", "test"),
        (9, "black", "dev"),
        (10, "fastapi", "prod"),
    ]
    assert pyproject.names(LONG) == ("torch", "pytest", "black", "fastapi")


def test_where_nothing_moves_the_file_is_as_it_was() -> None:
    assert pyproject.plan(LONG, {}).text == LONG


def test_an_array_on_one_line_stays_on_one_line() -> None:
    text = '[project]\ndependencies = ["torch", "black", "numpy"]\n'
    groups = '\n[dependency-groups]\ndev = ["black"]\n'
    assert split(text) == text.replace('"black", ', "") + groups


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ('dev = ["ruff"]\n', 'dev = [{include-group = "test"}, "ruff", "black"]\ntest = ["pytest"]\n'),
        ('Tests = ["x"]\n', 'Tests = ["x", "pytest"]\ndev = [{include-group = "Tests"}, "black"]\n'),
        (
            'test = []\nall = [{include-group = "Test"}]\ndevelopment = [{include-group = "all"}]\n',
            'test = ["pytest"]\nall = [{include-group = "Test"}]\ndevelopment = [{include-group = "all"}, "black"]\n',
        ),
        ('test = ["pytest"]\ndev = [{include-group = "test"}]\n', 'dev = [{include-group = "test"}, "black"]\n'),
        (
            'dev = [\n  "ruff",  # lint\n  {include-group = "test"},\n]\ntest = [ ]\n',
            'dev = [\n  "ruff",  # lint\n  {include-group = "test"},\n  "black",\n]\ntest = ["pytest"]\n',
        ),
    ],
)
def test_groups_that_exist_are_added_to(groups: str, expected: str) -> None:
    text = f'[project]\ndependencies = ["torch", "black", "pytest"]\n[dependency-groups]\n{groups}\n[tool.x]\ny = 1\n'
    new = split(text)
    assert expected in new
    assert new.endswith("\n[tool.x]\ny = 1\n")


def test_tests_alone_still_come_with_dev() -> None:
    groups = tomllib.loads(split('[project]\ndependencies = ["pytest"]\n'))["dependency-groups"]
    assert groups == {"test": ["pytest"], "dev": [{"include-group": "test"}]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[project\n", "is not TOML"),
        ("[project]\n", "has neither"),
        ('[project]\ndynamic = ["dependencies"]\n', "dynamic"),
        ("[project]\ndependencies = 3\n", "not a list"),
        ('[project]\ndependencies = [\n  "torch",\n  "not one !",\n]\n', 'pyproject.toml:4: "not one !" is not a req'),
        ("[project]\ndependencies = [3]\n", "3 is not a requirement"),
        ("[project]\ndependencies = [['a']]\n", "cannot be split"),
    ],
)
def test_bad_files(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        pyproject.plan(text, DECISIONS)
    assert message in caught.value.message


def test_a_group_that_is_no_list() -> None:
    text = '[project]\ndependencies = ["black"]\n[dependency-groups]\ndev = "x"\n'
    with pytest.raises(ConfigError, match="dev"):
        pyproject.plan(text, DECISIONS)


def test_a_changed_file_is_seen() -> None:
    assert pyproject.difference(LONG, SPLIT.replace("'black',", "")) == ("black",)
    assert pyproject.difference(LONG, SPLIT.replace("svc:main", "svc:other")) == ("another part of the file",)


# -- arrays -----------------------------------------------------------------------------------------------------------

SPACE = st.sampled_from(["", " ", "\n", "\n    ", "  # c, \"'\n  ", "\n\n\t# d\n\n"])
VALUE = st.sampled_from(['"""g\\\\"""', '"a"', "'b'", '"""c"""', "'''d'''", '"e \\" , # x"', '{include-group = "f"}'])


@st.composite
def arrays(draw: st.DrawFn) -> str:
    values = draw(st.lists(VALUE, max_size=5))
    parts = [draw(SPACE) + value + draw(SPACE) + "," for value in values]
    text = "".join(parts)
    text = text[:-1] if values and draw(st.booleans()) else text
    return "[" + text + draw(SPACE) + "]"


def _read(text: str) -> list[object]:
    found: list[object] = tomllib.loads(f"x = {text}")["x"]
    return found


@given(arrays(), st.lists(st.booleans(), min_size=40, max_size=40), st.sampled_from(["\n", "\r\n"]))
def test_any_array_can_be_taken_apart(text: str, keep: list[bool], end: str) -> None:
    text = text.replace("\n", end)
    array = toml_array.parse(text)
    assert array.text == text
    assert len(array.values) == len(_read(text))
    kept = [number for number in range(len(array.pieces)) if keep[number]]
    expected = [_read(f"[{array.pieces[number].value}]")[0] for number in kept if array.pieces[number].value]
    assert _read(toml_array.without(array, kept).text) == expected
    new = [Piece(after=f"# why{end}"), Piece("'z'", after=f" # z{end}")]
    assert _read(toml_array.added(array, new, end).text) == [*_read(text), "z"]
    assert _read(toml_array.added(array, new[1:], end, first=True).text) == ["z", *_read(text)]
    assert _read(toml_array.added(array, [Piece("'z'")], end).text) == [*_read(text), "z"]


# -- poetry -----------------------------------------------------------------------------------------------------------

POETRY = """\
[tool.poetry]
name = "svc"

[tool.poetry.dependencies]
python = "^3.11"
torch = {version = "^2", source = "x"}  # the model
# runs the tests
pytest = "^7"
Black = "*"
flake8 = {version = "*", optional = true}

[tool.poetry.dependencies.uvicorn]
version = "1"

[tool.poetry.extras]
lint = ["flake8"]
"""
POETRY_SPLIT = """\
[tool.poetry]
name = "svc"

[tool.poetry.dependencies]
python = "^3.11"
torch = {version = "^2", source = "x"}  # the model
flake8 = {version = "*", optional = true}

[tool.poetry.dependencies.uvicorn]
version = "1"

[tool.poetry.group.test.dependencies]
# runs the tests
pytest = "^7"

[tool.poetry.group.dev.dependencies]
Black = "*"

[tool.poetry.extras]
lint = ["flake8"]
"""


def split_poetry(text: str) -> str:
    new = pyproject.plan(text, DECISIONS).text
    assert poetry.difference(text, new) == ()
    assert pyproject.plan(new, DECISIONS).text == new
    return new


def test_poetry_has_groups_of_its_own() -> None:
    assert split_poetry(POETRY) == POETRY_SPLIT
    assert split_poetry(POETRY.replace("\n", "\r\n")) == POETRY_SPLIT.replace("\n", "\r\n")
    assert pyproject.names(POETRY) == ("torch", "pytest", "black", "flake8", "uvicorn")


@pytest.mark.parametrize("table", ["tool.poetry.group.dev.dependencies", "tool.poetry.dev-dependencies"])
def test_poetry_groups_that_exist_are_added_to(table: str) -> None:
    text = (
        f'[tool.poetry.dependencies]\nblack = "*"\ntorch = "*"\n[{table}]\nruff = "*"\n\n[build-system]\nrequires = []'
    )
    assert f'[{table}]\nruff = "*"\nblack = "*"\n\n[build-system]' in split_poetry(text)


def test_a_table_that_only_a_person_can_move() -> None:
    with pytest.raises(ConfigError, match=r"tool\.poetry\.dependencies\.black is a table of its own"):
        pyproject.plan(
            '[tool.poetry.dependencies]\ntorch = "*"\n[tool.poetry.dependencies.black]\nversion = "1"\n', DECISIONS
        )
