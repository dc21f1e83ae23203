"""Stanzas of ``Field: value`` lines as Debian writes them (deb822(5)): Packages files, control files, ``.sources``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """The stanzas in order; field names in lower case, continuation lines joined by newlines, comments dropped."""
    stanza: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if not line.strip():
            if stanza:
                yield stanza
            stanza, name = {}, ""
        elif line[0] in " \t":
            if name:
                stanza[name] += "\n" + line.strip()
        else:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            stanza[name] = value.strip()
    if stanza:
        yield stanza
