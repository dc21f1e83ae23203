"""The round trip: what two files install together is what the one did."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from slimtorch.deps.split.model import Include
from slimtorch.project.requirements_text import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.deps.split.model import Names
    from slimtorch.project.requirements_text import Document


def difference(before: Document, prod: Document, dev: Document, names: Names) -> tuple[str, ...]:
    """The lines that a split lost or added; empty for a right one.

    Specifiers, markers, extras, hashes and options are part of a line. The line by which `dev` includes `prod` is no
    addition, nor is a comment; a lost comment counts.
    """
    wanted = Counter(_keys(before, names))
    found = Counter(key for document in (prod, dev) for key in _keys(document))
    found.subtract([_include(names.prod)])
    lost = wanted - found
    added = {key: count for key, count in (found - wanted).items() if key[0] != Kind.COMMENT}
    return tuple(text for _, text in (*lost, *added))


def _keys(document: Document, names: Names | None = None) -> Iterator[tuple[str, str]]:
    for line in document.lines:
        if line.kind is Kind.COMMENT:
            yield line.kind, f"# {line.comment}"
        elif line.kind is Kind.INCLUDE:
            include = (names.includes if names else {}).get(line.value, Include(line.value))
            yield from (_include(name) for name in (include.prod, include.dev) if name)
        elif line.kind is not Kind.BLANK:
            yield line.kind, line.logical


def _include(name: str) -> tuple[str, str]:
    return Kind.INCLUDE, f"-r {name}"
