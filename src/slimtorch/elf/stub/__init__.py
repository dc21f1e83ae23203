"""Stand-ins for libraries: the same names, almost no bytes, and a plain message at the first call.

Why each part is as it is: docs/design/stubs.md.
"""

from __future__ import annotations

from slimtorch.elf.stub.agree import complaints
from slimtorch.elf.stub.assembly import make
from slimtorch.elf.stub.note import recognise

__all__ = ["complaints", "make", "recognise"]
