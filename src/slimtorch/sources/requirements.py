"""requirements.txt, read for what uv does not tell: the hashes it promises and the sources it names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from slimtorch.errors import ConfigError
from slimtorch.project.requirements_text import Kind, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from slimtorch.project.requirements_text import Line

_SHA256 = re.compile(r"sha256:([0-9a-fA-F]{64})")
_NAMED = {Kind.REQUIREMENT, Kind.PLACE}


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
    lines = tuple(_lines(files))
    hashes: dict[str, set[str]] = {}
    for _, line in lines:
        found = [match[1].lower() for value in line.hashes if (match := _SHA256.fullmatch(value))]
        if found and line.name and line.kind in _NAMED:
            hashes.setdefault(line.name, set()).update(found)
    options = [(path, name, value) for path, line in lines if line.kind is Kind.OPTION for name, value in line.options]
    indexes = [value for _, name, value in options if name == "--index-url"]
    return Given(
        {name: frozenset(allowed) for name, allowed in hashes.items()},
        indexes[-1] if indexes else "",
        tuple(value for _, name, value in options if name == "--extra-index-url"),
        tuple(_relative(path, value) for path, name, value in options if name == "--find-links"),
    )


def _lines(files: Iterable[Path]) -> Iterator[tuple[Path, Line]]:
    met, faults = walk(files)
    for fault in faults:
        chain = " → ".join(path.name for path in fault.chain)
        named = f" (named in {fault.named_in}, line {fault.line})" if fault.named_in and not chain else ""
        what = f"the file {fault.what}" + (f": {chain}" if chain else "")
        raise ConfigError(f"{fault.path}{named}", [what], hint=fault.hint)
    for file in met:
        yield from ((file.path, line) for line in file.document.lines)


def _relative(path: Path, value: str) -> str:
    return value if urlsplit(value).scheme else str((path.parent / value).absolute())
