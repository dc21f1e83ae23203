"""What speaks against a rule: the words of the column ``unless`` of the slimming tables, looked up in a subject."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from slimtorch.inventory.code.model import Form, Role
from slimtorch.tables.dependencies import users_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slimtorch.slim.model import Subject
    from slimtorch.slim.passes.installed import Installed

_PROGRAMS = (
    "cc",
    "gcc",
    "gcc-*",
    "c++",
    "g++",
    "g++-*",
    "clang",
    "clang-*",
    "clang++",
    "clang++-*",
    "nvcc",
    "icx",
    "icpx",
)
_FOLDERS = frozenset({"bin", "usr/bin", "usr/local/bin", "usr/local/cuda/bin"})


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is known of one subject: `used` are the dotted names that the service uses.

    `compiles` and `used` are None where nobody knows.
    """

    installed: Installed
    owners: frozenset[str]
    compiles: frozenset[str] | None
    used: frozenset[str] | None

    def against(self, unless: Iterable[str]) -> str:
        """Why a rule with this column does not apply, in words that follow “because”; '' where it does."""
        return next((reason for condition in unless if (reason := self._met(condition))), "")

    def _met(self, condition: str) -> str:
        kind, _, value = condition.partition(":")
        if kind == "compiles":
            return self._compiles(value)
        if kind == "compiling":
            return self._compiles(value) if self.compiles else ""
        if kind == "unknown":
            return "the service's own code is not known" if self.used is None else ""
        if kind == "has":
            found = sorted(name for name in self.owners if fnmatchcase(name, value))
            return f"{found[0]} is installed and reads such files at run time" if found else ""
        if kind == "file":
            found = sorted(item.name for item in self.installed.matching([value]))
            return f"{found[0]} is there" if found else ""
        names = users_of(value) if kind == "brings" else (value,)
        hits = sorted(used for used in self.used or () for name in names if used == name or used.startswith(f"{name}."))
        return f"the service uses {hits[0]}" if hits else ""

    def _compiles(self, tool: str) -> str:
        if self.compiles is None:
            return "it is not known whether the service compiles code while it runs"
        if self.compiles and (not tool or tool in self.compiles):
            return f"the service compiles code while it runs ({', '.join(sorted(self.compiles))})"
        return ""


def of(subject: Subject, installed: Installed) -> Conditions:
    """The conditions of a subject."""
    compiles = subject.compiles
    if compiles is None and _has_no_compiler(subject):
        compiles = frozenset()
    return Conditions(installed, installed.owners(), compiles, _used(subject))


def _has_no_compiler(subject: Subject) -> bool:
    """Whether this is a whole system, and one on which nothing can be compiled."""
    if "usr/bin" not in subject.files:
        return False
    for path in subject.files:
        folder, name = posixpath.split(path)
        if folder in _FOLDERS or folder.endswith("/bin"):
            bare = name.rpartition("-linux-gnu-")[2]
            if any(fnmatchcase(bare, program) for program in _PROGRAMS):
                return False
    return True


def _used(subject: Subject) -> frozenset[str] | None:
    """Everything that the service itself imports or refers to, dotted."""
    if subject.code is None:
        return None
    names = {one.name for one in subject.code.references if one.role is Role.SERVICE}
    for used in subject.code.imports:
        if used.role is Role.SERVICE and used.form is not Form.TYPING:
            names |= {used.module, *(f"{used.module}.{name}" for name in used.names)}
    return frozenset(names)
