"""What the source of a service says: the modules it imports, in every form, and its uses of things of interest."""

from __future__ import annotations

import gc
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from slimtorch.inventory.code import layout, reading, tree
from slimtorch.inventory.code.judging import Judge
from slimtorch.inventory.code.model import Code, Form, Import, Reference, Role, Skipped
from slimtorch.inventory.code.own import Own
from slimtorch.inventory.code.references import INTERESTS
from slimtorch.inventory.code.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

__all__ = ["INTERESTS", "Code", "Form", "Import", "Reference", "Role", "Scope", "Skipped", "read"]

_EVERYWHERE = Scope()


def read(root: Path, scope: Scope = _EVERYWHERE, interests: Collection[str] = INTERESTS) -> Code:
    """What the Python files below `root` say, sorted by file and line; the same tree gives the same answer.

    Nothing is imported or run. A file that cannot be read is in `Code.skipped` with its reason; nothing is raised for
    what the tree holds. Notebooks and stubs are not read: the service does not run them.
    """
    found = tree.walk(root, scope.exclude)
    frozen = frozenset(interests)
    with warnings.catch_warnings(), _uncollected():
        # Parsing warns about the code that is read: that is its author's business.
        warnings.simplefilter("ignore")
        readings = [
            reading.read(root, path, tree.shown(path), frozen) for path in sorted([*found.sources, *found.large])
        ]
    own = Own(found, layout.roots(found, scope))
    for item in readings:
        own.add(item.path, item.paths)
    return Judge(own, scope, readings, found).code()


@contextmanager
def _uncollected() -> Iterator[None]:
    """No search for cycles meanwhile: syntax trees have none, and looking through so many objects takes its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
