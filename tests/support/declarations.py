"""What a folder of texts declares, in a form that tests compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.project.declared import Declarations, read
from tests.support.projects import write

if TYPE_CHECKING:
    from pathlib import Path


def declared(root: Path, **files: str) -> Declarations:
    """Of files whose names are given with __ for a dot and ___ for a slash."""
    return read(write(root, {name.replace("___", "/").replace("__", "."): text for name, text in files.items()}))


def rows(found: Declarations) -> list[tuple[str, str, str]]:
    """(group, PEP 508 line, file:line) of each, sorted."""
    return sorted((one.group, one.text, f"{one.location.path}:{one.location.line}") for one in found.items)
