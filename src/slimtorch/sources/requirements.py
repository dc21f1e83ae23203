"""requirements.txt, read for what uv does not tell: the hashes it promises and the sources it names."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from slimtorch.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DEPTH = 20
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_HASH = re.compile(r"--hash[ =]sha256:([0-9a-fA-F]{64})(?!\S)")
_OPTION = re.compile(r"\s--\w")
_VALUES = {
    "-r": "file", "--requirement": "file", "-c": "file", "--constraint": "file",
    "-i": "index", "--index-url": "index", "--extra-index-url": "extra", "-f": "links", "--find-links": "links",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Given:
    """What the files say. `hashes` maps a name to the sha256 digits that are allowed for it."""

    hashes: dict[str, frozenset[str]]
    index: str = ""
    extra: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


def read(files: Iterable[Path]) -> Given:
    """What these files, and those that they include, promise and name.

    Raises:
        ConfigError: a file cannot be read, or includes itself.
    """
    hashes: dict[str, set[str]] = {}
    sources: dict[str, list[str]] = {"index": [], "extra": [], "links": []}
    for path, line in _lines(files, ()):
        option, value = _option(line)
        if option in sources:
            sources[option].append(_relative(path, value) if option == "links" else value)
        elif not option and (name := _project(line)) and (found := _HASH.findall(line)):
            hashes.setdefault(name, set()).update(digits.lower() for digits in found)
    return Given(
        {name: frozenset(allowed) for name, allowed in hashes.items()},
        sources["index"][-1] if sources["index"] else "",
        tuple(sources["extra"]),
        tuple(sources["links"]),
    )


def _lines(files: Iterable[Path], stack: tuple[Path, ...]) -> Iterator[tuple[Path, str]]:
    for path in files:
        if path in stack or len(stack) > DEPTH:
            raise ConfigError(str(path), ["the file includes itself"], hint="remove the -r or -c line that leads back")
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(str(path), [getattr(error, "strerror", None) or "the file is not UTF-8"]) from None
        for raw in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
            line = _COMMENT.sub("", raw).strip()
            option, value = _option(line)
            if option == "file" and "://" not in value:
                yield from _lines([path.parent / value], (*stack, path))
            elif line:
                yield path, line


def _option(line: str) -> tuple[str, str]:
    """What kind of option line this is, and its value; ('', '') for a requirement."""
    if not line.startswith("-"):
        return "", ""
    name, _, value = line.replace("=", " ", 1).partition(" ") if line.startswith("--") else line.partition(" ")
    if len(name) > 2 and not name.startswith("--"):
        name, value = name[:2], name[2:]
    try:
        words = shlex.split(value)
    except ValueError:
        words = []
    return _VALUES.get(name, "other"), words[0] if words else ""


def _project(line: str) -> str:
    text = _OPTION.split(line, maxsplit=1)[0]
    try:
        return canonicalize_name(Requirement(text).name)
    except InvalidRequirement:
        return ""


def _relative(path: Path, value: str) -> str:
    return value if urlsplit(value).scheme else str((path.parent / value).absolute())
