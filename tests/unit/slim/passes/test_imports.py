from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimtorch.slim.passes.imports import absolute, of_source
from slimtorch.slim.passes.needles import Needles


def names(text: str, module: str = "a.b.c", *, package: bool = False) -> set[str]:
    return {name for one in of_source(text.encode(), module, package=package) for name in one.names}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import x", {"x"}),
        ("import x.y as z, w", {"x.y", "w"}),
        ("from x import y", {"x", "x.y"}),
        ("from x import (y as q,  # why\n   z,\n)", {"x", "x.y", "x.z"}),
        ("from x import (y,  # (sic)\n   z)", {"x", "x.y", "x.z"}),
        ("import x, \\\n    y", {"x", "y"}),
        ("try: import x\nexcept ImportError: pass", {"x"}),
        ("import x; from y import z; import w", {"x", "y", "y.z", "w"}),
        ("from x import y, \\\n    z", {"x", "x.y", "x.z"}),
        ("from . import y", {"a.b", "a.b.y"}),
        ("from .. import y", {"a", "a.y"}),
        ("from ..x import y", {"a.x", "a.x.y"}),
        ("from .... import y", {"y"}),
        ("from x import *", {"x"}),
        ("importlib.import_module('x.y')", {"x.y"}),
        ("important = 1\nfromage = 2", set()),
    ],
)
def test_statements(text: str, found: set[str]) -> None:
    assert names(text) == found


def test_a_package_counts_its_dots_from_itself() -> None:
    assert names("from . import y", "a.b", package=True) == {"a.b", "a.b.y"}
    assert absolute("..x", "a.b", package=True) == "a.x"


def test_indented_ones_are_not_plain() -> None:
    found = {one.names[0]: one.plain for one in of_source(b"import x\nif 1:\n    import y\n", "m", package=False)}
    assert found == {"x": True, "y": False}


@pytest.mark.parametrize("folder", ["asyncio", "json", "importlib", "unittest"])
def test_nothing_is_missed_that_the_parser_sees(folder: str) -> None:
    root = Path(ast.__file__).parent
    for path in sorted((root / folder).rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        package = module.endswith(".__init__")
        module = module.removesuffix(".__init__")
        seen = names(path.read_text("utf-8"), module, package=package)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= seen, path
            elif isinstance(node, ast.ImportFrom):
                base = absolute("." * node.level + (node.module or ""), module, package=package)
                assert {base, *(f"{base}.{one.name}" for one in node.names if one.name != "*")} <= seen, path
    assert sys.version_info >= (3, 11)


@given(st.lists(st.text("abc.", min_size=1, max_size=5), min_size=1, max_size=6), st.text("abc.x", max_size=40))
def test_needles_find_what_is_there(words: list[str], text: str) -> None:
    needles = Needles(words)
    there = {word for word in words if word in text}
    assert needles.any(text.encode()) is bool(there)
    assert needles.found(text.encode()) <= there
    # Where words overlap the longest is found; whatever is missing is part of such a one, or hidden by it.
    assert bool(needles.found(text.encode())) is bool(there)
