"""requirements.txt as a document: every character is kept, so that lines can move and the rest stays as it was.

`parse` is the only place that knows pip's "Requirements File Format"; it does what pip's own reader does. `read` is
`parse` for a file, `walk` for a file and all that it includes, `encode` the way back to bytes.
"""

from __future__ import annotations

from slimtorch.project.requirements_text.files import encode, read
from slimtorch.project.requirements_text.includes import Fault, File, walk
from slimtorch.project.requirements_text.model import Document, Kind, Line
from slimtorch.project.requirements_text.parser import parse

__all__ = ["Document", "Fault", "File", "Kind", "Line", "encode", "parse", "read", "walk"]
