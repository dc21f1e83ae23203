"""``[layers]``: how the image is split."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.project.config.kinds import integer, size
from slimtorch.project.config.reader import Key, Section
from slimtorch.project.model import Layering

if TYPE_CHECKING:
    from slimtorch.project.config.reader import Table

_STANDARD = Layering()
# Docker's overlay driver stops at 127 layers; a few are left for images that build on this one.
BUDGET = Key("budget", integer(1, 100), _STANDARD.budget, "How many layers there may be.", "12")
LARGEST = Key("largest", size, _STANDARD.largest, "How large a layer may be, unpacked.", '"1GB"', '"500MB"')
SECTION = Section("layers", "How the image is split into layers.", (BUDGET, LARGEST))


def read(table: Table) -> Layering:
    """The section."""
    return Layering(budget=table.read(BUDGET), largest=table.read(LARGEST))
