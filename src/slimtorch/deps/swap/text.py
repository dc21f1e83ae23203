"""Takes a swap in the text that declares the requirement, requirements.txt or pyproject.toml: one line changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from slimtorch.errors import UsageError

if TYPE_CHECKING:
    from slimtorch.deps.swap.proposals import Proposal
    from slimtorch.findings import Location

_REST = r"(?P<extras>\s*\[[^\]]*\])?(?P<version>[^;#\"'\n\\]*?)(?P<end>\s*(?=[;#\"'\n\r\\]|$|\s--))"


def taken(text: str, location: Location, proposal: Proposal) -> str:
    """The file's text with the requirement at `location` swapped.

    One for one keeps extras, version, marker and comment: the twins have the same versions. One for several, or for
    none, drops the version, which means nothing there; a line that becomes empty goes.

    Raises:
        UsageError: the line gives hashes or an address, which would not be the twin's, or another requirement.
    """
    lines = text.splitlines(keepends=True)
    line = lines[location.line - 1] if 0 < location.line <= len(lines) else ""
    where = f"{location.path}:{location.line}"
    if "--hash" in line or line.rstrip().endswith("\\") or "://" in line:
        raise UsageError(
            f"{where} pins {proposal.remove} by hash or address, which is not {' and '.join(proposal.add) or 'left'}'s",
            hint="swap it where the file is made from, such as requirements.in, and make it again",
        )
    if not (found := _pattern(proposal.remove).search(line)):
        raise UsageError(f"{where} does not name {proposal.remove}", hint="it was changed meanwhile; run again")
    quoted = location.path.endswith(".toml")
    new = _quoted(line, found, proposal) if quoted else _bare(line, found, proposal)
    return "".join([*lines[: location.line - 1], new, *lines[location.line :]])


def _pattern(name: str) -> re.Pattern[str]:
    spelled = re.escape(name).replace(r"\-", "[-_.]+")
    return re.compile(rf"(?<![\w.-])(?P<name>{spelled})(?![\w.-]){_REST}", re.IGNORECASE)


def _bare(line: str, found: re.Match[str], proposal: Proposal) -> str:
    if len(proposal.add) == 1:
        return line[: found.start("name")] + proposal.add[0] + line[found.end("name") :]
    rest = line[found.end("version") :]
    if not proposal.add:
        return rest[rest.index("#") :] if "#" in rest else ""
    first, *others = proposal.add
    end = "\r\n" if line.endswith("\r\n") else "\n"
    return line[: found.start("name")] + first + rest + "".join(f"{name}{end}" for name in others)


def _quoted(line: str, found: re.Match[str], proposal: Proposal) -> str:
    if len(proposal.add) == 1:
        return line[: found.start("name")] + proposal.add[0] + line[found.end("name") :]
    quote = line[found.start("name") - 1]
    start, end = found.start("name") - 1, line.index(quote, found.end("version")) + 1
    new = ", ".join(f"{quote}{name}{quote}" for name in proposal.add)
    if not proposal.add:
        comma = re.compile(r"\s*,").match(line, end)
        end = comma.end() if comma else end
    changed = line[:start] + new + line[end:]
    return changed if changed.strip() else ""
