"""What a project declares that it needs, wherever it is written, with file and line: `read`, and `with_files`."""

from __future__ import annotations

from slimtorch.project.declared.model import PRODUCTION, Declarations, Declared
from slimtorch.project.declared.origins import read, with_files

__all__ = ["PRODUCTION", "Declarations", "Declared", "read", "with_files"]
