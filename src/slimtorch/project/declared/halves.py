"""What ``slimtorch deps split`` wrote, told by a comment in its first lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from slimtorch.errors import ConfigError
from slimtorch.project.requirements_text.files import head

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

WRITTEN = "# Written by `slimtorch deps split`"
"""How the comment starts."""
_PROD = re.compile(rf"{re.escape(WRITTEN)} from (.+)\.")
_FIRST = 4
"""Lines among which it stands: a comment that names the encoding and a ``-r`` may be above it."""


def heading(source: str, *, prod: bool) -> str:
    """The comment for a half of the file called `source`."""
    return f"{WRITTEN} from {source}" + ("." if prod else ": what production does without.")


def is_half(text: str) -> bool:
    """Whether a split wrote this text, so that the next one may replace it."""
    return any(line.startswith(WRITTEN) for line in text.splitlines()[:_FIRST])


def superseded(paths: Iterable[Path]) -> frozenset[Path]:
    """The files beside these that a split took apart: what production needs of them stands in one of these."""
    return frozenset(
        path.with_name(match[1]) for path in paths for line in _head(path) if (match := _PROD.fullmatch(line))
    )


def _head(path: Path) -> list[str]:
    try:
        return head(path).text.splitlines()[:_FIRST]
    except ConfigError:  # whoever reads it for its own sake says so
        return []
