"""requirements.txt as pip reads it (its "Requirements File Format"): logical lines, ``-r`` and ``-c`` followed."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_FILES = 100
LARGEST = 16_000_000
"""Bytes of one file; a fully hashed file of a large project has about a hundredth."""

_INCLUDE = re.compile(r"(?:-r|-c|--requirement|--constraint)(?:[\s=]+|(?<=-[rc]))(\S.*)")
_LOOKS_LIKE_A_PLACE = re.compile(r"[./\\~]|[A-Za-z][A-Za-z0-9+.-]*://|.*\.(?:whl|zip|tar\.gz)\b|.*[/\\]")


@dataclass(frozen=True, slots=True)
class RequirementFile:
    """One file: its name relative to the project, its logical lines with their numbers, its problems."""

    path: Path
    name: str
    lines: tuple[tuple[int, str], ...]
    problems: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What matters of the file: equal where only comments, blank lines or line ends differ."""
        return "\n".join(line for _, line in self.lines)


def read(paths: Iterable[Path], root: Path) -> tuple[RequirementFile, ...]:
    """The files and all that they include, each once, in the order that they are met."""
    found: dict[Path, RequirementFile] = {}
    waiting = [(path, "") for path in paths]
    while waiting and len(found) < MOST_FILES:
        path, where = waiting.pop(0)
        if (key := path.resolve()) in found:
            continue
        found[key] = _read(path, root, where)
        waiting += [
            (path.parent / include, f"{found[key].name}:{number}: ") for number, include in _includes(found[key])
        ]
    return tuple(found.values())


def logical_lines(text: str) -> tuple[tuple[int, str], ...]:
    """The lines of a requirements file: continuations joined, comments and blank lines dropped, with their numbers."""
    lines: list[tuple[int, str]] = []
    pending, start = "", 0
    for number, raw in enumerate(text.splitlines(), 1):
        start = start if pending else number
        comment = re.search(r"(?:^|\s)#", raw)
        line = raw[: comment.start()] if comment else raw
        if line.endswith("\\") and not comment:
            pending += line[:-1].strip() + " "
            continue
        if joined := (pending + line.strip()).strip():
            lines.append((start, joined))
        pending = ""
    return (*lines, (start, pending.strip())) if pending.strip() else tuple(lines)


def _read(path: Path, root: Path, where: str) -> RequirementFile:
    name = Path(os.path.relpath(path, root)).as_posix()
    try:
        if path.stat().st_size > LARGEST:
            return RequirementFile(path, name, (), (f"{where}{name} is larger than {LARGEST} bytes",))
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        return RequirementFile(path, name, (), (f"{where}{name} is not UTF-8 text",))
    except (OSError, ValueError) as error:
        if not isinstance(error, OSError):
            return RequirementFile(path, name, (), (f"{where}{name!r} is not a path",))
        reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        return RequirementFile(path, name, (), (f"{where}{name} {reason}",))
    lines = logical_lines(text)
    return RequirementFile(path, name, lines, tuple(_check(name, lines)))


def _includes(file: RequirementFile) -> list[tuple[int, str]]:
    matches = ((number, _INCLUDE.fullmatch(line)) for number, line in file.lines)
    names = ((number, match[1].strip()) for number, match in matches if match)
    return [(number, name) for number, name in names if "://" not in name]


def _check(name: str, lines: Iterable[tuple[int, str]]) -> Iterable[str]:
    for number, line in lines:
        if line.startswith("-") or _LOOKS_LIKE_A_PLACE.match(line):
            continue
        bare = re.split(r"\s--?[a-z]", line, maxsplit=1)[0]
        try:
            # pip puts variables in before it looks; a placeholder keeps the line a requirement.
            Requirement(re.sub(r"\$\{[A-Z0-9_]+\}", "0", bare))
        except InvalidRequirement as bad:
            yield f"{name}:{number}: {bare!r} is not a requirement ({str(bad).splitlines()[0]})"
