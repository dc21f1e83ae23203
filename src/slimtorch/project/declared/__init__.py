"""What a project declares that it needs, wherever it is written, with file and line: `read`, and `members`."""

from __future__ import annotations

from slimtorch.project.declared.model import PRODUCTION, Declarations, Declared
from slimtorch.project.declared.origins import read
from slimtorch.project.declared.workspace import members

__all__ = ["PRODUCTION", "Declarations", "Declared", "members", "read"]
