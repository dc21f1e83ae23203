"""The programs of a wheel: console scripts from its entry points, and scripts whose first line waits for a path."""

from __future__ import annotations

import configparser
import re
from typing import TYPE_CHECKING

from installer.scripts import Script
from installer.utils import parse_entrypoints

from slimtorch.errors import ArchiveError
from slimtorch.image.tree import small_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.image.tree import Entry
    from slimtorch.sources.archive import Member
    from slimtorch.sources.layout import Layout

SCRIPT_LIMIT = 16 << 20
"""Bytes of a script whose first line is rewritten; larger ones are programs, and are taken as they are."""
_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.+ -]{0,254}")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")


def from_entry_points(text: str, layout: Layout, owner: str, shown: str) -> Iterator[Entry]:
    """The scripts that ``entry_points.txt`` declares, as `installer` writes them.

    Raises:
        ArchiveError: a declaration cannot be understood, or its name would leave ``bin``.
    """
    try:
        declared = list(parse_entrypoints(text))
    except (AssertionError, configparser.Error) as error:
        raise ArchiveError(f"{shown}: its entry_points.txt cannot be understood: {error}") from None
    for name, module, attributes, section in declared:
        if not _NAME.fullmatch(name) or name in {".", ".."}:
            raise ArchiveError(f"{shown} declares a script with the name {name!r}, which is no file name")
        # Both become part of a Python program.
        if not (_DOTTED.fullmatch(module) and _DOTTED.fullmatch(attributes)):
            raise ArchiveError(f"{shown}: the script {name} points to {module}:{attributes}, which is no Python name")
        path, data = Script(name, module, attributes, section).generate(layout.interpreter, "posix")
        yield small_file(f"{layout.prefix}/bin/{path}", data, owner, mode=0o755)


def with_interpreter(member: Member, path: str, layout: Layout, owner: str) -> Entry | None:
    """The script with its ``#!python`` line made to point to the image's interpreter; None where there is none."""
    with member() as stream:
        start = stream.read(len(b"#!pythonw"))
        if not start.startswith(b"#!python") or member.size > SCRIPT_LIMIT:
            return None
        data = start + stream.read()
    first, newline, rest = data.partition(b"\n")
    words = first.rstrip(b"\r").split(b" ", 1)
    if words[0] not in {b"#!python", b"#!pythonw"}:
        return None
    line = b" ".join([b"#!" + layout.interpreter.encode(), *words[1:]])
    return small_file(path, line + newline + rest, owner, mode=0o755)
