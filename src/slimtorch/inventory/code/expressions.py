"""A walk through expressions that stays on the lines of interest."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from slimtorch.inventory.code.lines import Lines

MAX_TEXT = 200
"""Characters of a literal argument that is kept."""
MAX_DEPTH = 50
"""Operations within each other that are followed."""
_PLAIN = (ast.Constant, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.UnaryOp)


_SILENT = frozenset({
    "ctx", "op", "ops", "id", "attr", "arg", "kind", "type_comment", "is_async", "simple", "conversion", "name",
    "names", "level", "module", "kwd_attrs", "rest",
})  # fmt: skip
"""Fields that hold no expression."""
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {
    kind: ()
    if kind in {ast.Constant, ast.MatchSingleton}
    else tuple(name for name in reversed(kind._fields) if name not in _SILENT)
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}


def walk(root: ast.AST, looks: Lines, visit: Callable[[ast.AST], bool]) -> None:
    """Show `visit` every node that covers one of the lines, parents first, in the order of the file.

    It answers whether the parts of the node are to be shown as well.
    """
    stack: list[ast.AST | None] = [root]
    while stack:
        node = stack.pop()
        if node is None or not looks.cover(node):
            continue
        if visit(node):
            for name in _FIELDS[type(node)]:
                part = getattr(node, name)
                if isinstance(part, list):
                    stack += part[::-1]
                else:
                    stack.append(part)


def called(call: ast.Call) -> str:
    """The last part of the name that is called, or ''."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def text(node: ast.AST | None) -> str:
    """The text of a string literal, or ''; of an f-string what it starts with."""
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def folded(node: ast.expr, depth: int = 0) -> tuple[str, bool]:
    """The text that an expression gives, and whether that is all: else only what it starts with is known.

    Literals, sums of them and f-strings are followed; of ``%`` and ``.format`` the part before the first place.
    """
    if isinstance(node, ast.Constant):
        return (node.value, True) if isinstance(node.value, str) else ("", False)
    if depth > MAX_DEPTH:
        return "", False
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _joined([node.left, node.right], depth)
    if isinstance(node, ast.JoinedStr):
        return _joined(node.values, depth)
    if isinstance(node, ast.FormattedValue) and node.format_spec is None and node.conversion == -1:
        return folded(node.value, depth + 1)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return folded(node.left, depth + 1)[0].partition("%")[0], False
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return folded(node.func.value, depth + 1)[0].partition("{")[0], False
    return "", False


def _joined(parts: list[ast.expr], depth: int) -> tuple[str, bool]:
    start = ""
    for part in parts:
        value, whole = folded(part, depth + 1)
        start += value
        if not whole:
            return start, False
    return start, True


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
