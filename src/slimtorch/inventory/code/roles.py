"""What a file is for, by its place and name. When in doubt it is part of the service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from slimtorch.inventory.code.model import Role

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_TESTS_ANYWHERE = frozenset({"tests", "unittests"})
_TESTS_ON_TOP = frozenset({"test", "testing", "integration_tests", "functional_tests", "e2e"})
_DEVELOPMENT_ON_TOP = frozenset({"docs", "doc", "benchmarks", "benchmark", "bench", "examples", "example"})
_DEVELOPMENT_FILES = frozenset({"setup.py", "noxfile.py", "fabfile.py", "dodo.py", "ez_setup.py", "toxfile.py"})
_LOAD_TEST = "locustfile.py"
_TEST_SETTINGS = re.compile(r"(?:.*/)?(?:settings|config|conf)/(?:tests?|testing)\.py")
_TASKS = "tasks.py"
"""Of invoke, but also of celery."""
_TEST_FILE = re.compile(r"test_.*\.py|.*_tests?\.py|conftest\.py|tests\.py")


def role(path: str, projects: Collection[str], tops: Iterable[str]) -> Role:
    """What the file at `path` is for. `projects` are the folders of projects, `tops` the modules that it imports."""
    inside = _inside(path, projects)
    *folders, name = inside.split("/")
    if _TEST_FILE.fullmatch(name) or not _TESTS_ANYWHERE.isdisjoint(path.split("/")[:-1]):
        return Role.TESTS
    if (folders and folders[0] in _TESTS_ON_TOP) or _TEST_SETTINGS.fullmatch(inside):
        return Role.TESTS
    if (folders and folders[0] in _DEVELOPMENT_ON_TOP) or name == _LOAD_TEST:
        return Role.DEVELOPMENT
    if not folders and (name in _DEVELOPMENT_FILES or (name == _TASKS and "invoke" in tops)):
        return Role.DEVELOPMENT
    return Role.SERVICE


def _inside(path: str, projects: Collection[str]) -> str:
    """The path within the innermost project that it belongs to; a project within documentation is none of its own."""
    folder = path.rpartition("/")[0]
    while folder and (folder not in projects or not _DEVELOPMENT_ON_TOP.isdisjoint(folder.split("/"))):
        folder = folder.rpartition("/")[0]
    return path[len(folder) + 1 :] if folder else path
