"""Requirements files that somebody names: production's, whatever they are called and whatever else there is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from slimtorch.project.declared import texts
from slimtorch.project.declared.model import PRODUCTION
from slimtorch.project.declared.texts import Top

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from slimtorch.project.declared.model import Declarations


def with_files(declarations: Declarations, files: Sequence[Path], root: Path) -> Declarations:
    """The declarations with what these files, and all that they include, hold as production's."""
    if not files:
        return declarations
    found = texts.contents([Top(path, PRODUCTION) for path in files], root, declarations.own)
    places = {item.location.path for item in (*found.items, *found.nameless)}
    others = (item for item in declarations.items if item.location.path not in places)
    nameless = (item for item in declarations.nameless if item.location.path not in places)
    return replace(declarations, items=(*found.items, *others), nameless=(*found.nameless, *nameless))
