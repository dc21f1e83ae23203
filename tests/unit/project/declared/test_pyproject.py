from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ConfigError
from slimtorch.project.declared import read
from tests.support.declarations import declared, rows
from tests.support.projects import write

if TYPE_CHECKING:
    from pathlib import Path


def test_pep_621_and_735(tmp_path: Path) -> None:
    text = """\
[project]
name = "My.Service"
dependencies = [
  "torch>=2",
  "numpy[x]; python_version < \\"3.13\\"",
]
[project.optional-dependencies]
gpu = ["triton"]
All_Extras = ["pillow", "my_service[gpu]"]
[dependency-groups]
dev = ["torch>=2", {include-group = "Test_One"}]
test-one = ["pytest"]
"""
    found = declared(tmp_path, pyproject__toml=text)
    assert found.own == "my-service"
    assert rows(found) == [
        ("", 'numpy[x]; python_version < "3.13"', "pyproject.toml:5"),
        ("", "torch>=2", "pyproject.toml:4"),
        ("dev", "pytest", "pyproject.toml:12"),
        ("dev", "torch>=2", "pyproject.toml:11"),
        ("extra:all-extras", "pillow", "pyproject.toml:9"),
        ("extra:all-extras", "triton", "pyproject.toml:8"),
        ("extra:gpu", "triton", "pyproject.toml:8"),
        ("test-one", "pytest", "pyproject.toml:12"),
    ]
    numpy = next(one for one in found.items if one.name == "numpy")
    assert (numpy.extras, numpy.marker) == ({"x"}, 'python_version < "3.13"')
    assert found.of("extra:gpu")[0].name == "triton"


def test_poetry(tmp_path: Path) -> None:
    text = """\
[tool.poetry]
name = "svc"
[tool.poetry.dependencies]
python = "^3.11"
torch = "^2.9"
numpy = {version = "~1.26", extras = ["x"], python = "<3.13"}
pillow = [{version = "<=10", python = "~3.8"}, {version = "^11", markers = "os_name == 'nt' or os_name == 'posix'"}]
triton = {version = "*", optional = true}
lost = {version = "1", optional = true}
own = {path = "../own", develop = true}
tool = {git = "https://h/tool.git", tag = "v1"}
[tool.poetry.extras]
gpu = ["triton"]
[tool.poetry.dev-dependencies]
black = ">=23 <25"
[tool.poetry.group.test.dependencies]
pytest = "^8 || ^9"
"""
    found = declared(tmp_path, pyproject__toml=text)
    assert found.own == "svc"
    assert rows(found) == [
        ("", 'numpy[x]<1.27,>=1.26; python_version < "3.13"', "pyproject.toml:6"),
        ("", "own @ ../own", "pyproject.toml:10"),
        ("", 'pillow<12,>=11; os_name == "nt" or os_name == "posix"', "pyproject.toml:7"),
        ("", 'pillow<=10; python_version >= "3.8" and python_version < "3.9"', "pyproject.toml:7"),
        ("", "tool @ git+https://h/tool.git@v1", "pyproject.toml:11"),
        ("", "torch<3,>=2.9", "pyproject.toml:5"),
        ("dev", "black<25,>=23", "pyproject.toml:15"),
        ("extra:gpu", "triton", "pyproject.toml:8"),
        ("optional", "lost==1", "pyproject.toml:9"),
        ("test", "pytest", "pyproject.toml:17"),
    ]


def test_uv_pdm_and_hatch(tmp_path: Path) -> None:
    text = """\
[project]
name = "svc"
dependencies = ["torch"]
[tool.uv]
dev-dependencies = ["ruff"]
[tool.pdm.dev-dependencies]
Lint = ["black", "-e file:///${PROJECT_ROOT}/x#egg=helper"]
[tool.hatch.envs.default]
dependencies = ["pytest"]
[tool.hatch.envs.documentation]
extra-dependencies = ["sphinx"]
"""
    found = [(group, text.partition(" @ ")[0]) for group, text, _ in rows(declared(tmp_path, pyproject__toml=text))]
    assert found == [
        ("", "torch"), ("dev", "pytest"), ("dev", "ruff"), ("docs", "sphinx"), ("lint", "black"), ("lint", "helper")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[project]\nname='x'\ndependencies = 'torch'\n", "pyproject.toml:3: project.dependencies: must be a list"),
        ("[project]\ndependencies = ['torch', 3]\n", "pyproject.toml:2: project.dependencies: 3 is not a requirement"),
        ("[project]\ndependencies = [\n'torch=>2']\n", "pyproject.toml:3: 'torch=>2' is not a requirement"),
        (
            "[tool.poetry.dependencies]\ntorch = '^x'\n",
            "pyproject.toml:2: tool.poetry.dependencies.torch: 'x' is not a",
        ),
        ("[tool.poetry.dependencies]\ntorch = 3\n", "torch: must be a version or a table"),
        ("[project]\ndependencies = [\n", "pyproject.toml:3: is not TOML"),
        ("a = " + "[" * 9000, "pyproject.toml"),
    ],
)
def test_what_production_may_not_have(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        declared(tmp_path, pyproject__toml=text)
    assert problem in caught.value.message


def test_what_other_groups_may_not_have_is_noted(tmp_path: Path) -> None:
    text = """\
[project]
dependencies = ["torch"]
optional-dependencies = {x = "y", z = ["!"]}
[dependency-groups]
loop = ["six", {include-group = "more"}]
more = [{include-group = "loop"}]
lost = [{include-group = "nowhere"}]
text = "six"
odd = [{include = "more"}]
"""
    found = declared(tmp_path, pyproject__toml=text)
    assert [one.text for one in found.of("loop")] == ["six"]
    assert found.problems == (
        "pyproject.toml:3: project.optional-dependencies.x: must be a list",
        "pyproject.toml:3: '!' is not a requirement (Expected package name at the start of dependency specifier)",
        "pyproject.toml:6: dependency-groups.more: includes itself (loop → more → loop)",
        "pyproject.toml:5: dependency-groups.loop: includes itself (more → loop → more)",
        "pyproject.toml:7: dependency-groups.lost: includes 'nowhere', which does not exist",
        "pyproject.toml:8: dependency-groups.text: must be a list",
        "pyproject.toml:9: dependency-groups.odd: {'include': 'more'} is not a requirement",
    )


def test_dynamic_dependencies_are_in_their_files(tmp_path: Path) -> None:
    text = """\
[project]
name = "svc"
dynamic = ["dependencies", "optional-dependencies"]
[tool.setuptools.dynamic]
dependencies = {file = ["deps/run.txt"]}
optional-dependencies.gpu = {file = "deps/gpu.txt"}
"""
    found = declared(tmp_path, pyproject__toml=text, deps___run__txt="torch\n", deps___gpu__txt="triton\n")
    assert rows(found) == [("", "torch", "deps/run.txt:1"), ("extra:gpu", "triton", "deps/gpu.txt:1")]


def test_the_line_is_that_of_the_table(tmp_path: Path) -> None:
    text = "[dependency-groups]\ndev = ['torch']\n[project]\ndependencies = ['torch']\n"
    assert rows(declared(tmp_path, pyproject__toml=text)) == [
        ("", "torch", "pyproject.toml:4"), ("dev", "torch", "pyproject.toml:2")
    ]  # fmt: skip


KEYS = (
    "project", "project.name", "project.dependencies", "project.optional-dependencies.x", "dependency-groups",
    "dependency-groups.x", "tool", "tool.poetry.name", "tool.poetry.dependencies.x", "tool.poetry.extras.x",
    "tool.poetry.group", "tool.poetry.group.x.dependencies.y", "tool.poetry.dev-dependencies",
    "tool.uv.dev-dependencies", "tool.pdm.dev-dependencies", "tool.hatch.envs.x",
    "tool.hatch.envs.x.dependencies", "tool.setuptools.dynamic.dependencies",
    "tool.setuptools.dynamic.optional-dependencies.x", "tool.hatch.metadata.hooks.requirements_txt.files",
)  # fmt: skip
VALUES = (
    "3", '"x"', '["x"]', "[3]", "{}", "true", "1979-05-27", "[{a = 1}]", "{version = 3}", '{file = ["gone.txt"]}',
    "{extras = 3, markers = 3}", "{include-group = 3}", "[{include-group = 3}]", "{git = 3}", '["\\u0000"]',
    f"{'9' * 5000}",
)  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_no_kind_of_value_is_a_crash(tmp_path: Path, key: str) -> None:
    for value in VALUES:
        write(tmp_path, {"pyproject.toml": f"{key} = {value}\n"})
        try:
            read(tmp_path)
        except ConfigError as error:
            assert error.message  # noqa: PT017 - that it is this error, or none, is the claim


def test_groups_that_include_each_other_over_and_over(tmp_path: Path) -> None:
    twice = "".join(f"g{n} = [{{include-group = 'g{n + 1}'}}, {{include-group = 'g{n + 1}'}}]\n" for n in range(24))
    found = declared(tmp_path, pyproject__toml=f"[dependency-groups]\n{twice}g24 = ['six']\n")
    assert [(item.group, item.name) for item in found.items] == [(f"g{n}", "six") for n in range(25)]


def test_groups_in_a_row_have_an_end(tmp_path: Path) -> None:
    row = "".join(f"g{n} = [{{include-group = 'g{n + 1}'}}]\n" for n in range(60))
    found = declared(tmp_path, pyproject__toml=f"[dependency-groups]\n{row}g60 = ['six']\n")
    assert "pyproject.toml:52: dependency-groups.g50: includes too many groups in a row" in found.problems
    assert ("g10", "six") in {(item.group, item.name) for item in found.items}


def test_extras_have_a_number_and_a_size(tmp_path: Path) -> None:
    extras = "".join(f"e{n} = ['svc[e{n + 1}]', 'p{n}']\n" for n in range(600))
    large = "".join(f"'q{n}', " for n in range(5001))
    text = f"[project]\nname = 'svc'\n[project.optional-dependencies]\nlarge = [{large}]\n{extras}"
    found = declared(tmp_path, pyproject__toml=text)
    assert len({item.group for item in found.items}) == 500
    assert [problem.partition(": ")[2] for problem in found.problems] == [
        "project.optional-dependencies: has 601 entries, and only the first 500 are read",
        "project.optional-dependencies: extra:large has more than 5000 requirements",
    ]


def test_quotes_that_are_not_closed_are_not_looked_for_over_and_over(tmp_path: Path) -> None:
    start = time.process_time()
    found = declared(
        tmp_path, pyproject__toml="[project]\ndependencies = ['six']\n" + ("# " + '\\"' * 4990 + "\n") * 60
    )
    assert rows(found) == [("", "six", "pyproject.toml:2")]
    assert time.process_time() - start < 60


def test_a_requirement_that_is_nested_too_deeply(tmp_path: Path) -> None:
    deep = f"six ; {'(' * 5000}python_version > '3'{')' * 5000}"
    with pytest.raises(ConfigError, match="nested too deeply"):
        declared(tmp_path, requirements__txt=f"{deep}\n")
    with pytest.raises(ConfigError, match="nested too deeply"):
        declared(tmp_path, pyproject__toml=f"[tool.poetry.dependencies]\nsix = {{markers = {deep[6:]!r}}}\n")
