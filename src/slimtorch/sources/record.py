"""RECORD, the list of a distribution's files (PEP 427 and the specification "recording installed projects")."""

from __future__ import annotations

import base64
import binascii
import csv
import io
from dataclasses import dataclass
from posixpath import relpath
from typing import TYPE_CHECKING

from slimtorch.errors import ArchiveError
from slimtorch.image import digest as digests
from slimtorch.image.tree import Entry, FileTree, Kind, small_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slimtorch.image.digest import Digest
    from slimtorch.sources.layout import Layout

LIMIT = 64 << 20
"""Bytes of a RECORD, or of any other text of a wheel, that are read at most."""


@dataclass(frozen=True, slots=True)
class Line:
    """What RECORD promises of one file; None where it promises nothing, or by another hash than sha256."""

    digest: Digest | None
    size: int | None


def parse(text: str, shown: str) -> dict[str, Line]:
    """The lines of a wheel's RECORD by path.

    Raises:
        ArchiveError: a line cannot be understood, or a path stands there twice.
    """
    lines: dict[str, Line] = {}
    try:
        for row in csv.reader(io.StringIO(text), strict=True):
            if not row:
                continue
            path, hashed, size = row
            # Some tools wrote Windows' separator; the archive itself has none.
            path = path.replace("\\", "/")
            if path in lines:
                raise ArchiveError(f"{shown}: RECORD lists {path} twice")
            lines[path] = Line(_digest(hashed), int(size) if size else None)
    except (csv.Error, ValueError, binascii.Error) as error:
        raise ArchiveError(f"{shown}: its RECORD cannot be understood: {error}") from None
    return lines


def rewritten(tree: FileTree, layout: Layout) -> FileTree:
    """The tree in which every RECORD lists exactly the files that its owner brings, bytecode included.

    Bytecode is listed without hash and size, as pip does: it may be made again.
    """
    replaced: list[Entry] = []
    for owner, part in tree.partition(lambda entry: entry.owner).items():
        if not owner.startswith("wheel:"):
            continue
        for entry in part.entries():
            if _is_record(entry.path, layout):
                text = _write(part.entries(), entry.path, layout)
                replaced.append(small_file(entry.path, text.encode(), entry.owner))
    fresh = {entry.path: entry for entry in replaced}
    return FileTree(fresh.get(entry.path, entry) for entry in tree.entries())


def _is_record(path: str, layout: Layout) -> bool:
    """A vendored distribution's RECORD, deeper in the tree, is a file like any other."""
    folder, _, name = path.removeprefix(f"{layout.site_packages}/").partition("/")
    return path.startswith(f"{layout.site_packages}/") and folder.endswith(".dist-info") and name == "RECORD"


def _write(entries: Iterable[Entry], record: str, layout: Layout) -> str:
    rows: list[tuple[str, str, str]] = []
    for entry in entries:
        if entry.kind is not Kind.FILE or entry.content is None:
            continue
        path = relpath(entry.path, layout.site_packages)
        if entry.path == record or entry.path.endswith(".pyc"):
            rows.append((path, "", ""))
        else:
            rows.append((path, "sha256=" + _encode(entry.content.digest), str(entry.content.size)))
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(sorted(rows))
    return out.getvalue()


def _digest(hashed: str) -> Digest | None:
    algorithm, _, encoded = hashed.partition("=")
    if algorithm != "sha256":
        return None
    raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    if len(raw) != 32:
        raise ValueError(f"{hashed[:80]!r} is no sha256")
    return digests.from_hex(raw.hex())


def _encode(digest: Digest) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(digest.hex)).rstrip(b"=").decode()
