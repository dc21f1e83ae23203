"""``PKG-INFO`` and ``METADATA``: what a source distribution says that it needs (core metadata specification)."""

from __future__ import annotations

import email.parser
import re
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from slimtorch.findings import Location
from slimtorch.project.declared.found import Found, joined, lines
from slimtorch.project.declared.model import PRODUCTION
from slimtorch.project.requirements_text.files import content

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("PKG-INFO", "METADATA")
LARGEST = 4_000_000
"""Bytes of a file; most of it is the description."""

_EXTRA = re.compile(r"""\bextra\s*==\s*["']([^"']+)["']""")


def read(root: Path) -> Found:
    """What the first of the files declares; the requirements of an extra are in its group.

    Raises:
        ConfigError: it cannot be read or is too large.
    """
    name = next((one for one in FILES if (root / one).is_file()), "")
    if not name:
        return Found()
    head = content(root / name, LARGEST).decode("utf-8", "replace").replace("\r\n", "\n").partition("\n\n")[0]
    places = {line.strip(): number for number, line in reversed(list(enumerate(head.splitlines(), 1)))}
    message = email.parser.HeaderParser().parsestr(head)
    own = canonicalize_name(str(message.get("Name", "")).strip())
    parts = [Found(own=own)]
    for value in message.get_all("Requires-Dist", []):
        text = " ".join(str(value).split())
        extra = _EXTRA.search(text)
        group = f"extra:{canonicalize_name(extra[1])}" if extra else PRODUCTION
        parts.append(lines([(text, Location(name, places.get(f"Requires-Dist: {text}", 0)))], group))
    return joined(parts)
