"""A walk through expressions that stays on the lines of interest."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from slimtorch.inventory.code.lines import Lines
    from slimtorch.inventory.code.model import Form

MAX_TEXT = 200
"""Characters of a literal argument that is kept."""
_PLAIN = (ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.UnaryOp)


def on_lines(nodes: Iterable[tuple[ast.AST, Form]], looks: Lines) -> Iterator[tuple[ast.AST, Form]]:
    """Every node that covers one of the lines, parents first, in the order of the file."""
    stack = list(nodes)
    stack.reverse()
    while stack:
        node, form = stack.pop()
        line: int | None = getattr(node, "lineno", None)
        if line is not None and not looks.touch(line, getattr(node, "end_lineno", line)):
            continue
        yield node, form
        children = [(child, form) for child in _children(node)]
        children.reverse()
        stack += children


def _children(node: ast.AST) -> Iterator[ast.AST]:
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            yield value
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, ast.AST):
                    yield item


def called(call: ast.Call) -> str:
    """The last part of the name that is called, or ''."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def text(node: ast.AST | None) -> str:
    """The text of a string literal, or ''; of an f-string what it starts with."""
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def literal(node: ast.expr) -> str:
    """A literal in Python's own writing, or '' where the expression is none or too long."""
    if not isinstance(node, _PLAIN):
        return ""
    try:
        written = repr(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ""
    return written if len(written) <= MAX_TEXT else ""


def literals(call: ast.Call) -> tuple[str, ...]:
    """The literal arguments of a call, as ``value`` or ``name=value``."""
    values = [literal(argument) for argument in call.args]
    named = [f"{keyword.arg}={value}" for keyword in call.keywords if keyword.arg and (value := literal(keyword.value))]
    return (*filter(None, values), *named)
