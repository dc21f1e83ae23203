"""What would change, as a unified diff (POSIX ``diff -u``)."""

from __future__ import annotations

import difflib

NOTHING = "/dev/null"


def unified(before: str, after: str, names: tuple[str, str]) -> str:
    """The diff between two texts, '' where they are equal; a missing line end is said as ``diff`` says it."""
    rows = difflib.unified_diff(_lines(before), _lines(after), *names)
    return "".join(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n" for row in rows)


def _lines(text: str) -> list[str]:
    """Lines that end with a line feed only, as ``patch`` sees them."""
    return [part + "\n" for part in text.split("\n")[:-1]] + ([last] if (last := text.rpartition("\n")[2]) else [])
