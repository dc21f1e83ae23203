"""What stands around an import: never run, run only where a module is there, its failure caught."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from slimtorch.inventory.code.model import Form

if TYPE_CHECKING:
    from collections.abc import Sequence

_CAUGHT = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_PRESENCE = re.compile(
    r"(?i)^_?(?:has|have)_|available|installed|find_spec|find_loader|importable|is_module|is_package"
)
_PLACES = frozenset({"version_info", "hexversion", "platform", "os.name", "system", "machine", "PY2", "PY3", "WIN32"})
_EXITS = frozenset({"exit", "_exit"})


def branches(test: ast.expr) -> tuple[Form, Form]:
    """The forms of imports in the two branches of an ``if``; PLAIN where the condition says nothing about imports."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        then, otherwise = branches(test.operand)
        return otherwise, then
    if _is_typing(test):
        return Form.TYPING, Form.PLAIN
    if isinstance(test, ast.Constant) and not test.value:
        return Form.TYPING, Form.PLAIN
    if isinstance(test, ast.BoolOp):
        return _combined(test)
    return (Form.OPTIONAL, Form.OPTIONAL) if _asks_presence(test) else (Form.PLAIN, Form.PLAIN)


def _combined(test: ast.BoolOp) -> tuple[Form, Form]:
    """``TYPE_CHECKING and x`` is never run; ``TYPE_CHECKING or x`` may be."""
    if isinstance(test.op, ast.And) and any(_is_typing(value) for value in test.values):
        return Form.TYPING, Form.PLAIN
    asked = any(_asks_presence(value) for value in test.values)
    return (Form.OPTIONAL, Form.OPTIONAL) if asked else (Form.PLAIN, Form.PLAIN)


def _is_typing(test: ast.expr) -> bool:
    """``TYPE_CHECKING``, ``typing.TYPE_CHECKING``, ``t.TYPE_CHECKING``."""
    name = test.id if isinstance(test, ast.Name) else test.attr if isinstance(test, ast.Attribute) else ""
    return name == "TYPE_CHECKING"


def _asks_presence(test: ast.expr) -> bool:
    """Whether a condition asks for a module, a version of Python or a platform."""
    for node in ast.walk(test):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        if name and (name in _PLACES or _PRESENCE.search(name)):
            return True
        if name == "name" and isinstance(node, ast.Attribute) and _base(node) == "os":
            return True
    return False


def _base(node: ast.Attribute) -> str:
    return node.value.id if isinstance(node.value, ast.Name) else ""


def catches_imports(handlers: Sequence[ast.ExceptHandler]) -> bool:
    """Whether a failing import is survived: some handler catches it and does not end in raising or leaving."""
    return any(_catches(handler.type) and not _leaves(handler.body) for handler in handlers)


def _catches(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    if isinstance(caught, ast.Tuple):
        return any(_catches(item) for item in caught.elts)
    name = caught.id if isinstance(caught, ast.Name) else caught.attr if isinstance(caught, ast.Attribute) else ""
    return name in _CAUGHT or "import" in name.lower()


def _leaves(body: Sequence[ast.stmt]) -> bool:
    last = body[-1]
    if isinstance(last, ast.Raise):
        return True
    call = last.value if isinstance(last, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute | ast.Name):
        return False
    return (call.func.id if isinstance(call.func, ast.Name) else call.func.attr) in _EXITS


def suppresses_imports(context: ast.expr) -> bool:
    """``contextlib.suppress(ImportError)``, and managers that say "import" in their name (``try_import()``)."""
    if not isinstance(context, ast.Call):
        return False
    name = context.func.attr if isinstance(context.func, ast.Attribute) else getattr(context.func, "id", "")
    if name == "suppress":
        return any(_catches(argument) for argument in context.args)
    return "import" in name.lower()
