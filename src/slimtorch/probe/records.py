"""Whether the files of installed distributions are those of their RECORD (PEP 376, PEP 427)."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import posixpath
import re
from typing import TYPE_CHECKING

from slimtorch.image.digest import BLOCK
from slimtorch.probe import rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.findings import Finding
    from slimtorch.inventory.files import Files, Node

# Not those of packages that another one carries inside itself: their paths are not the installed ones.
_INSTALLED = re.compile(r".*/(?:site|dist)-packages/[^/]+\.dist-info/RECORD")
SHOWN = 3
"""Files that are named per distribution."""


def check(files: Files) -> Iterator[Finding]:
    """One finding per distribution whose RECORD is not true: files are missing, or have another size or contents."""
    for path in files:
        if _INSTALLED.fullmatch(path):
            name = posixpath.basename(posixpath.dirname(path)).removesuffix(".dist-info")
            wrong = list(_wrong(files, path))
            if wrong:
                more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
                yield rules.RECORD.finding(f"{name}: {'; '.join(wrong[:SHOWN])}{more}", path)


def _wrong(files: Files, record: str) -> Iterator[str]:
    site = posixpath.dirname(posixpath.dirname(record))
    try:
        rows = list(csv.reader(io.StringIO(files.text(record))))
    except csv.Error as error:
        yield f"RECORD cannot be read ({error})"
        return
    for row in rows:
        # Bytecode may be listed and left out: it is made from what is there.
        if not row or row[0].endswith(".pyc"):
            continue
        path = posixpath.normpath(posixpath.join("/", site, row[0])).lstrip("/")
        real = files.file(path)
        if real is None:
            yield f"{row[0]} is not there"
        elif len(row) > 2 and row[2].isdigit() and row[2] != str(files[real].size):
            yield f"{row[0]} has {files[real].size} bytes, not {row[2][:20]}"
        elif len(row) > 1 and row[1].startswith("sha256=") and _hash(files[real]) != row[1][7:]:
            yield f"{row[0]} has other contents"


def _hash(node: Node) -> str:
    if node.open is None:
        return ""
    sha = hashlib.sha256()
    with node.open() as stream:
        while block := stream.read(BLOCK):
            sha.update(block)
    return base64.urlsafe_b64encode(sha.digest()).rstrip(b"=").decode()
