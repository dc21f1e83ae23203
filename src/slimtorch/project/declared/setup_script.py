"""``setup.py``: what it hands to ``setup()`` in literals, by its syntax tree. The file is never run."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from slimtorch.findings import Location
from slimtorch.project.declared.found import Found, Wrong, joined, lines
from slimtorch.project.declared.model import PRODUCTION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Rows = list[tuple[str, int]]
"""Texts and the lines that they stand in."""

DEEPEST = 20
"""Names and sums that may lead to each other in a row."""


class _CodeError(Exception):
    """The value is made by code, which is not run."""


def read(data: bytes, name: str) -> Found:
    """What the script declares; values that code makes are noted and left out."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = (error.lineno or 0) if isinstance(error, SyntaxError) else 0
        return Found(wrong=(Wrong(Location(name, line), "is not Python 3", fatal=False),))
    known = dict(_assigned(tree))
    return joined(part for call in _calls(tree) for part in _setup(call, known, name))


def _assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called == "setup":
                yield node


def _setup(call: ast.Call, known: Mapping[str, ast.expr], name: str) -> Iterator[Found]:
    for keyword in call.keywords:
        value = keyword.value
        if keyword.arg == "name":
            yield _name(value, known)
        elif keyword.arg in {"install_requires", "tests_require"}:
            group = PRODUCTION if keyword.arg == "install_requires" else "tests"
            yield _required(value, known, group, Location(name, value.lineno), keyword.arg)
        elif keyword.arg == "extras_require":
            yield from _extras(value, known, name)


def _name(value: ast.expr, known: Mapping[str, ast.expr]) -> Found:
    try:
        texts = _texts(value, known, 0)
    except _CodeError:
        return Found()
    return Found(own=canonicalize_name(texts[0][0])) if texts else Found()


def _extras(value: ast.expr, known: Mapping[str, ast.expr], name: str) -> Iterator[Found]:
    try:
        table = _table(value, known)
    except _CodeError:
        yield _code(Location(name, value.lineno), "extras_require")
        return
    for extra, rows in table:
        # Setuptools: "name:marker", and ":marker" for what is needed without any extra.
        bare = canonicalize_name(extra.partition(":")[0].strip())
        group = f"extra:{bare}" if bare else PRODUCTION
        yield _required(rows, known, group, Location(name, rows.lineno), f"extras_require[{extra!r}]")


def _required(value: ast.expr, known: Mapping[str, ast.expr], group: str, place: Location, what: str) -> Found:
    try:
        rows = _texts(value, known, 0)
    except _CodeError:
        return _code(place, what)
    return lines([(text, Location(place.path, line)) for text, line in rows], group)


def _code(place: Location, what: str) -> Found:
    return Found(wrong=(Wrong(place, f"{what} is made by code, which is not run", fatal=False),))


def _texts(node: ast.expr, known: Mapping[str, ast.expr], depth: int) -> Rows:
    """The texts of a literal list or text, of a name that holds one, or of a sum of such."""
    if depth > DEEPEST:
        raise _CodeError
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        texts = node.value.splitlines()
        return [(text.strip(), node.lineno + row) for row, text in enumerate(texts) if text.strip()]
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [row for one in node.elts for row in _texts(one, known, depth + 1)]
    if isinstance(node, ast.Starred):
        return _texts(node.value, known, depth + 1)
    if isinstance(node, ast.Name) and node.id in known:
        return _texts(known[node.id], known, depth + 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _texts(node.left, known, depth + 1) + _texts(node.right, known, depth + 1)
    raise _CodeError


def _table(node: ast.expr, known: Mapping[str, ast.expr]) -> list[tuple[str, ast.expr]]:
    if isinstance(node, ast.Name) and node.id in known:
        node = known[node.id]
    if not isinstance(node, ast.Dict):
        raise _CodeError
    return [
        (key.value, value)
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    ]
