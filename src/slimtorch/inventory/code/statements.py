"""A walk over the statements of a file: every import with its form, and the expressions that are worth a look.

Only bodies are walked, and only those that hold a line of interest; an expression is visited only where its own lines
are among those asked for. This is what keeps reading a tree cheaper than parsing it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from slimtorch.inventory.code import conditions
from slimtorch.inventory.code.model import Form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from slimtorch.inventory.code.lines import Lines


class Named(NamedTuple):
    """One module that a file names, before it is known whose it is; `level` counts the dots of a relative import."""

    module: str
    names: tuple[str, ...]
    line: int
    form: Form
    level: int = 0


@dataclass(slots=True)
class Found:
    """What the walk found: imports, the local names that they bind, and the expressions on the lines of interest."""

    imports: list[Named] = field(default_factory=list)
    aliases: dict[str, tuple[str, ...]] = field(default_factory=dict)
    expressions: list[tuple[ast.AST, Form]] = field(default_factory=list)

    def bind(self, name: str, dotted: str) -> None:
        """Note that `name` stands for `dotted`; where two imports bind it, it stands for both."""
        known = self.aliases.get(name, ())
        if dotted not in known:
            self.aliases[name] = (*known, dotted)


def walk(tree: ast.Module, imports: Lines, looks: Lines) -> Found:
    """Everything on the given lines, in the order of the file."""
    found = Found()
    _Walk(found, imports | looks, looks).body(tree.body, Form.PLAIN)
    return found


def chain(node: ast.expr) -> str:
    """The dotted name that an expression spells, or ''."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    parts.append(node.id)
    return ".".join(reversed(parts))


def _weaker(form: Form, other: Form) -> Form:
    """The form of an import that is in two such places at once."""
    order = (Form.PLAIN, Form.LAZY, Form.OPTIONAL, Form.TYPING)
    return max(form, other, key=order.index)


class _Walk:
    """The walk's state: where it may look, and what it found."""

    __slots__ = ("_found", "_lines", "_looks")

    def __init__(self, found: Found, lines: Lines, looks: Lines) -> None:
        self._found = found
        self._lines = lines
        self._looks = looks

    def body(self, statements: Sequence[ast.stmt], form: Form) -> None:
        """Visit the statements that hold a line of interest."""
        for node in statements:
            if self._lines.touch(_start(node), node.end_lineno):
                _VISITS.get(type(node), _Walk.simple)(self, node, form)

    def simple(self, node: ast.AST, form: Form) -> None:
        """A statement without a body; a text that stands alone says nothing."""
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            self._look([node], form)

    def plain(self, node: ast.Import, form: Form) -> None:
        """``import a.b``, ``import a.b as c``."""
        for alias in node.names:
            self._found.imports.append(Named(alias.name, (), node.lineno, form))
            top = alias.name.partition(".")[0]
            self._found.bind(alias.asname or top, alias.name if alias.asname else top)

    def names(self, node: ast.ImportFrom, form: Form) -> None:
        """``from a.b import c``, ``from . import d``."""
        module = node.module or ""
        names = tuple(alias.name for alias in node.names)
        self._found.imports.append(Named(module, names, node.lineno, form, node.level))
        if not node.level:
            for alias in node.names:
                self._found.bind(alias.asname or alias.name, f"{module}.{alias.name}")

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, form: Form) -> None:
        """What is imported in a function is imported when it is called."""
        returns = [node.returns] if node.returns else []
        self._look([*node.decorator_list, node.args, *returns], form)
        self.body(node.body, _weaker(form, Form.LAZY))

    def class_(self, node: ast.ClassDef, form: Form) -> None:
        """The body of a class runs with its module."""
        self._look([*node.decorator_list, *node.bases, *node.keywords], form)
        self.body(node.body, form)

    def branch(self, node: ast.If, form: Form) -> None:
        """``if TYPE_CHECKING``, ``if find_spec("x")``, ``if sys.version_info >= …`` and all others."""
        self._look([node.test], form)
        then, otherwise = conditions.branches(node.test)
        self.body(node.body, _weaker(form, then))
        self.body(node.orelse, _weaker(form, otherwise))

    def attempt(self, node: ast.Try, form: Form) -> None:
        """An import whose failure is caught; one in a handler or behind it is there for the other's sake."""
        caught = _weaker(form, Form.OPTIONAL) if conditions.catches_imports(node.handlers) else form
        self.body(node.body, caught)
        for handler in node.handlers:
            self.body(handler.body, caught)
        self.body(node.orelse, caught)
        self.body(node.finalbody, form)

    def block(self, node: ast.With | ast.AsyncWith, form: Form) -> None:
        """``with suppress(ImportError)``."""
        self._look(node.items, form)
        caught = any(conditions.suppresses_imports(item.context_expr) for item in node.items)
        self.body(node.body, _weaker(form, Form.OPTIONAL) if caught else form)

    def loop(self, node: ast.For | ast.AsyncFor, form: Form) -> None:
        """The head of a loop may hold the names that its body imports."""
        self._look([node.target, node.iter], form)
        self.body(node.body, form)
        self.body(node.orelse, form)

    def repeat(self, node: ast.While, form: Form) -> None:
        """``while``."""
        self._look([node.test], form)
        self.body(node.body, form)
        self.body(node.orelse, form)

    def match(self, node: ast.Match, form: Form) -> None:
        """``match``: the patterns name classes."""
        self._look([node.subject], form)
        for case in node.cases:
            self._look([case.pattern, *([case.guard] if case.guard else [])], form)
            self.body(case.body, form)

    def _look(self, nodes: Iterable[ast.AST], form: Form) -> None:
        if self._looks:
            self._found.expressions += [(node, form) for node in nodes]


def _start(node: ast.stmt) -> int:
    """The first line, decorators included."""
    decorators: list[ast.expr] | None = getattr(node, "decorator_list", None)
    return decorators[0].lineno if decorators else node.lineno


_VISITS: dict[type[ast.AST], Callable[..., None]] = {
    ast.Import: _Walk.plain,
    ast.ImportFrom: _Walk.names,
    ast.FunctionDef: _Walk.function,
    ast.AsyncFunctionDef: _Walk.function,
    ast.ClassDef: _Walk.class_,
    ast.If: _Walk.branch,
    ast.Try: _Walk.attempt,
    ast.TryStar: _Walk.attempt,
    ast.With: _Walk.block,
    ast.AsyncWith: _Walk.block,
    ast.For: _Walk.loop,
    ast.AsyncFor: _Walk.loop,
    ast.While: _Walk.repeat,
    ast.Match: _Walk.match,
}
