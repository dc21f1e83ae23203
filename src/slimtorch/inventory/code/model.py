"""What a source tree says: imports, references to things of interest, and the files that could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slimtorch.findings import Location


class Role(StrEnum):
    """What a file is for. A file whose role cannot be told is part of the service."""

    SERVICE = "service"
    TESTS = "tests"
    DEVELOPMENT = "development"
    """Documentation, task runners, packaging: never run by the service."""


class Form(StrEnum):
    """How a module is named."""

    PLAIN = "plain"
    """An import at the top level of a module."""
    LAZY = "lazy"
    """An import inside a function or method."""
    OPTIONAL = "optional"
    """An import whose failure is caught, or that follows a look whether the module is there."""
    TYPING = "typing"
    """An import below ``if TYPE_CHECKING``: never run."""
    LITERAL = "literal"
    """``importlib.import_module("…")``, ``__import__("…")`` and their like, with the name written out."""
    STRING = "string"
    """A text that names a module for a framework: ``"app.main:app"``, ``INSTALLED_APPS``, a logging class."""


@dataclass(frozen=True, slots=True)
class Import:
    """One module that is named: absolute and dotted, with the `names` taken from it, where and how.

    Of ``from google.cloud import storage`` the module is ``google.cloud`` and ``storage`` a name, which may itself
    be a module.
    """

    module: str
    names: tuple[str, ...]
    location: Location
    form: Form
    role: Role

    @property
    def top(self) -> str:
        """The first part of the dotted name."""
        return self.module.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Reference:
    """A use of something of interest, by its full dotted name (``torch.cuda.is_available``) or text (``'cuda:0'``).

    Texts stand in quotes, so that the two never meet. Aliases are resolved: after ``import torch as t``, ``t.compile``
    is ``torch.compile``. A method whose object is not known starts with a dot: ``.cuda``. `arguments` are the literal
    arguments of a call, as ``name=value`` or ``value`` in Python's own writing; None where it is not called.
    """

    name: str
    location: Location
    role: Role
    arguments: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was not read, and why: not Python 3, generated, too large, no text."""

    location: Location
    reason: str


@dataclass(frozen=True, slots=True)
class Code:
    """What was read. `own` are the top-level modules that the project itself brings; none of them is in `imports`."""

    files: int
    imports: tuple[Import, ...]
    references: tuple[Reference, ...]
    skipped: tuple[Skipped, ...]
    own: frozenset[str]
