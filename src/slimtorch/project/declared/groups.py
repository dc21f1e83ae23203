"""What the name of a requirements file says of its group."""

from __future__ import annotations

import re

from slimtorch.project.declared.model import PRODUCTION

_LOCKED = frozenset({"lock", "locked", "pinned", "frozen", "freeze"})
_FILES = frozenset({"requirements", "requirement", "reqs"})
_PRODUCTION = _LOCKED | _FILES | {
    "req", "deps", "dependencies", "base", "prod", "production", "main", "core", "common", "run", "runtime", "install",
    "default", "txt", "in", "pip",
}  # fmt: skip
_WORDS = {
    "dev": "dev develop development devel local contrib contributing",
    "tests": "test tests testing unittest pytest",
    "docs": "doc docs documentation rtd sphinx mkdocs readthedocs",
    "lint": "lint linting linters style format formatting quality pre-commit precommit",
    "ci": "ci tox nox",
    "typing": "typing types mypy typecheck",
    "build": "build packaging release publish",
    "notebooks": "notebook notebooks jupyter",
    "examples": "example examples demo demos",
    "bench": "bench benchmark benchmarks profiling",
}
_GROUPS = {word: group for group, words in _WORDS.items() for word in words.split()}


def of_name(stem: str) -> str:
    """The group of a file, by its name without the suffix: '' for production, else ``dev``, ``tests``, ``docs`` ….

    A word that is not known is a group of its own (``requirements-gpu.txt`` is ``gpu``): nobody knows what it is for.
    """
    words = _split(stem)
    known = [_GROUPS[word] for word in words if word in _GROUPS]
    other = [word for word in words if word not in _PRODUCTION and word not in _GROUPS]
    return known[0] if known else "-".join(other) or PRODUCTION


def is_locked(stem: str) -> bool:
    """Whether the name says that the file holds pins: ``requirements-lock``, ``requirements.frozen``."""
    return bool(_LOCKED & set(_split(stem)))


def is_constraints(stem: str) -> bool:
    """Whether the name says that the file only limits versions."""
    return bool({"constraint", "constraints"} & set(_split(stem)))


def is_requirements(stem: str) -> bool:
    """Whether the name says that the file holds requirements."""
    return bool(_FILES & set(_split(stem)))


def _split(stem: str) -> list[str]:
    return [word for word in re.split(r"[^a-z0-9]+", stem.lower()) if word]
