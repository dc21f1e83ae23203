from __future__ import annotations

import pytest
from packaging.utils import canonicalize_name

from slimtorch import tables
from slimtorch.tables import dependencies


def test_the_tables_are_whole_and_their_names_canonical() -> None:
    dependencies.check_tables()
    names = [*tables.load("development_tools")["tools"], *tables.load("quiet")["names"]]
    back_ends = tables.load("backends")
    for host, found in (*back_ends["distributions"].items(), *back_ends["uses"].items()):
        names += [name for name in found if "*" not in name]
        names += [host] if host in back_ends["distributions"] else []
    assert [name for name in names if name != canonicalize_name(name)] == []
    assert len(tables.load("development_tools")["tools"]) > 300


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("black", "a formatter"),
        ("pytest-cov", "a test tool"),
        ("types-pyyaml", "type stubs"),
        ("sphinx-x", "a documentation tool"),
        ("mypy-extensions", ""),
        ("jupyter-client", "a notebook tool"),
        ("torch", ""),
        ("ninja", ""),
        ("beartype", ""),
    ],
)
def test_tools(name: str, kind: str) -> None:
    assert dependencies.tool(name) == kind


def test_extras_of_development() -> None:
    assert all(map(dependencies.is_development_extra, ("test", "tests", "dev", "docs", "lint", "testing", "dev-torch")))
    assert not any(map(dependencies.is_development_extra, ("standard", "excel", "all", "fast", "postgres")))


def test_back_ends_and_patterns() -> None:
    assert dependencies.back_end("sqlalchemy", "asyncpg")
    assert dependencies.back_end("spacy", "en-core-web-sm")
    assert not dependencies.back_end("sqlalchemy", "openpyxl")
    assert not dependencies.back_end("nobody", "openpyxl")


def test_no_tool_is_quiet_as_well() -> None:
    quiet = {*tables.load("quiet")["names"]}
    assert not {name for name in quiet if dependencies.tool(name)}
