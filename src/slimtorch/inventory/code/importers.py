"""Calls that import: by a literal name, by one that is computed, and of code that stands in a text."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from slimtorch.inventory.code import salvage
from slimtorch.inventory.code.expressions import called, folded
from slimtorch.inventory.code.model import Form
from slimtorch.inventory.code.statements import Named

if TYPE_CHECKING:
    from collections.abc import Iterator

_IMPORTERS = frozenset({"import_module", "__import__", "run_module"})
_ASKERS = frozenset({"find_spec", "importorskip", "find_loader", "get_loader"})
_RUNNERS = frozenset({"exec", "eval", "compile"})
NAMES = _IMPORTERS | _ASKERS
"""Functions that take the name of a module first."""
RUNNERS = ("exec(", "eval(")
"""What the text of a call holds that runs code from a text."""


def is_runner(call: ast.Call) -> bool:
    """Whether a call runs code from a text: the builtin, not a method of that name."""
    return isinstance(call.func, ast.Name) and call.func.id in _RUNNERS


def modules(call: ast.Call, form: Form) -> Iterator[Named]:
    """The module that a call of `NAMES` imports; of a computed name the packages before the part that is computed."""
    name = called(call)
    exact = form if form in {Form.OPTIONAL, Form.TYPING} else Form.LITERAL
    for argument in _arguments(call):
        value, whole = folded(argument)
        value = value if whole else value.rpartition(".")[0]
        if value and all(part.isidentifier() for part in value.split(".")):
            yield Named(value, (), argument.lineno, Form.OPTIONAL if name in _ASKERS else exact)


def executed(call: ast.Call, form: Form) -> Iterator[Named]:
    """What the code in the text of ``exec("import a")`` imports."""
    for argument in call.args[:1]:
        for named in salvage.of_text(folded(argument)[0]):
            line = argument.lineno + named.line - 1
            line = min(line, argument.end_lineno or line)
            yield named._replace(line=line, form=Form.TYPING if form is Form.TYPING else Form.OPTIONAL)


def computed(node: ast.AST) -> str | None:
    """What a computed name of an imported module starts with; None where the node imports no such module."""
    if not isinstance(node, ast.Call):
        return None
    if called(node) in _IMPORTERS:
        for argument in _arguments(node):
            start, whole = folded(argument)
            if not whole and not isinstance(argument, ast.Constant):
                return start
    elif is_runner(node) and node.args:
        start, whole = folded(node.args[0])
        words = start.split()
        if not whole and words and words[-1] in {"import", "from"}:
            return ""
    return None


def _arguments(call: ast.Call) -> list[ast.expr]:
    named = [keyword.value for keyword in call.keywords if keyword.arg in {"name", "modname", "mod_name"}]
    return [*call.args[:1], *named]
