"""What every refusal of the command line has to look like."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.shop import Done

LONGEST = 2500
"""Characters of an error that somebody still reads."""


def refused(done: Done, *words: str, hint: str | None = "") -> None:
    """Exit status 2, nothing on stdout, one error that holds `words`, and a hint that matches (None: no hint)."""
    assert done.status == 2, f"exit status {done.status}\n{done.err}"
    assert done.out == ""
    assert "Traceback" not in done.err
    assert done.err.count("error: ") >= 1
    said = done.err[done.err.index("error: ") :]
    assert len(said) < LONGEST
    message, _, way_out = said.partition("\n\nhint: ")
    for word in words:
        assert word in message, f"{word!r} is not in:\n{said}"
    if hint is None:
        assert not way_out
    else:
        assert way_out.strip(), f"no hint:\n{said}"
        assert re.search(hint, way_out), f"{hint!r} is not in:\n{said}"
