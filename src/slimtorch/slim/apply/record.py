"""RECORD after files of its distribution went or were written anew (PEP 376, "recording installed projects")."""

from __future__ import annotations

import base64
import csv
import io
import posixpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from slimtorch.image.digest import Digest


def updated(text: str, site: str, gone: Collection[str], new: Mapping[str, tuple[Digest, int]]) -> str:
    """The RECORD that stands in the site-packages folder `site`: no row of a path in `gone`, new hashes for `new`.

    Paths are relative to the root of the tree, as `site` is. Rows that nothing happened to keep their bytes.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row, raw in _rows(text):
        path = posixpath.normpath(posixpath.join("/", site, row[0])).lstrip("/") if row else ""
        if path in gone:
            continue
        # A row without a hash (RECORD's own, bytecode's) stays without one.
        if path in new and len(row) >= 2 and row[1]:
            digest, size = new[path]
            writer.writerow([row[0], f"sha256={_encoded(digest)}", str(size)])
        else:
            out.write(raw)
    return out.getvalue()


def _rows(text: str) -> Iterator[tuple[list[str], str]]:
    """Each row with the text that it was read from; from the first damaged row on, the text as it is."""
    lines = text.splitlines(keepends=True)
    reader = csv.reader(lines)
    at = 0
    try:
        for row in reader:
            yield row, "".join(lines[at : reader.line_num])
            at = reader.line_num
    except csv.Error:
        yield [], "".join(lines[at:])


def _encoded(digest: Digest) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(digest.hex)).rstrip(b"=").decode()
