"""Folders of tests that nothing outside of them uses.

A folder counts when it is called ``tests`` or ``test``, holds what tests hold, and belongs to a distribution. It stays
when a source that stays imports from it, or holds a quoted text that leads there: such code may open its files.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from slimtorch.slim.passes.python import module_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from slimtorch.slim.passes.installed import Item
    from slimtorch.slim.passes.python import Source

NAMES = frozenset({"tests", "test"})
_TEST = re.compile(r"(?:test_.*|.*_tests?|conftest)\.py")
_MARK = re.compile(r"(?:test_.*|.*_tests?|conftest|__init__)\.py")


def unused(items: Iterable[Item], sources: Mapping[str, Source]) -> Iterator[Item]:
    """Those of the files that belong to folders of tests which nothing that stays uses; ``conftest.py`` among them."""
    folders: dict[str, list[Item]] = {}
    for item in items:
        if folder := folder_of(item.name):
            folders.setdefault(folder, []).append(item)
    going = {folder: files for folder, files in folders.items() if _holds_tests(folder, files)}
    by_path = {item.path: folder for folder, files in going.items() for item in files}
    staying = [source for path, source in sources.items() if path not in by_path]
    within = {folder: [sources[item.path] for item in files if item.path in sources] for folder, files in going.items()}
    while staying:
        used = _used(going.keys(), staying)
        staying = [source for folder in used for source in within[folder]]
        going = {folder: files for folder, files in going.items() if folder not in used}
    yield from (item for files in going.values() for item in files)


def folder_of(name: str) -> str:
    """The outermost folder of tests that holds this file, or the file itself where it is a ``conftest.py``, else ''."""
    parts = name.split("/")
    for number, part in enumerate(parts[:-1]):
        if part in NAMES:
            return "/".join(parts[: number + 1])
    return name if parts[-1] == "conftest.py" else ""


def _holds_tests(folder: str, files: list[Item]) -> bool:
    """Whether a folder of that name holds tests: ``test`` is also the name of interfaces and of parts of data."""
    sources = [posixpath.basename(item.name) for item in files if item.name.endswith(".py")]
    if posixpath.basename(folder) == "test":
        return 2 * sum(_TEST.fullmatch(name) is not None for name in sources) >= max(len(sources), 1)
    return any(_MARK.fullmatch(name) for name in sources)


def _used(folders: Iterable[str], sources: Iterable[Source]) -> set[str]:
    """The folders among these that one of the sources imports from or has a text about."""
    modules = {module_of(folder)[0].replace("/", "."): folder for folder in folders}
    used: set[str] = set()
    for source in sources:
        for name in source.imports:
            if "test" in name:
                used.update(modules[above] for above in _above(name) if above in modules)
        home = posixpath.dirname(source.name)
        for text in source.texts:
            used.update(folder for folder in modules.values() if _leads(text, home, folder))
    return used


def _above(name: str) -> Iterator[str]:
    """The module itself and those that it is in."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _leads(text: str, home: str, folder: str) -> bool:
    """Whether a text in a source of the folder `home` may mean this folder of tests."""
    if "/" in text:
        return folder == text or folder.endswith(f"/{text}")
    parent = posixpath.dirname(folder)
    return posixpath.basename(folder) == text and (home == parent or home.startswith(f"{parent}/"))
