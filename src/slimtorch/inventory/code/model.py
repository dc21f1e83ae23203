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
    """An import that nobody is to be blamed for: its failure is caught, it follows a look whether the module is there
    or which Python or platform this is, a folder of the project may be meant, or the file cannot be parsed here."""
    TYPING = "typing"
    """An import below ``if TYPE_CHECKING``: never run."""
    LITERAL = "literal"
    """``importlib.import_module("…")``, ``__import__("…")`` and their like, with the name written out."""
    STRING = "string"
    """A text that may name a module: ``"app.main:app"``, ``INSTALLED_APPS``, a logging class, the driver of an address.
    Of a program that is started the module is its name as written (``huggingface-cli``). Most name nothing at all."""


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
    arguments of a call, as ``name=value`` or ``value`` in Python's own writing; None where it is not called. Of an
    environment variable (``'CUDA_VISIBLE_DEVICES'``) they are the literal that it is set to.
    """

    name: str
    location: Location
    role: Role
    arguments: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was not read, and why: not Python 3, too large, no text. Of generated code only imports are read.

    What such a file seems to import by the look of its lines is in `Code.imports` all the same (`Form.OPTIONAL`).
    """

    location: Location
    reason: str


@dataclass(frozen=True, slots=True)
class Code:
    """What was read. `own` are the top-level modules that the project alone brings, namespace packages left out.

    None of them is in `imports`, but for places where a module of another name may be meant (`Form.OPTIONAL`).
    """

    files: int
    imports: tuple[Import, ...]
    references: tuple[Reference, ...]
    skipped: tuple[Skipped, ...]
    own: frozenset[str]
    computed: tuple[Location, ...] = ()
    """Places in files of the service that import a module whose name is computed: it may be any."""
