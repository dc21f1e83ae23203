"""TOML with lines: `tomllib` tells none, so each string and key is looked up in the text, table by table."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slimtorch.errors import ConfigError
from slimtorch.findings import Location
from slimtorch.project.declared.found import Wrong, relative
from slimtorch.project.requirements_text.files import content

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LARGEST = 1_000_000
"""Bytes of a file."""
LONGEST = 10_000
"""Characters of a line that is searched."""

_HEADER = re.compile(r"\s*\[{1,2}([^\[\]]+)\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*["']?([A-Za-z0-9_.-]+)["']?\s*=""")
# One that is not closed ends with its line: looking for the end of each again and again would take forever.
_STRING = re.compile(r"""\"((?:[^"\\]|\\.)*+)(?:(\")|\\?$)|'([^']*+)(?:(')|$)""")


@dataclass(frozen=True, slots=True)
class Toml:
    """A decoded file; `tables` are the lines of its headers, `words` those of keys and strings."""

    name: str
    data: Mapping[str, Any]
    tables: Mapping[str, int]
    words: Mapping[str, list[int]]

    def at(self, table: str, word: str = "") -> Location:
        """Where a string or ``key=`` stands: in the dotted table where it is written there, else nearby."""
        parts = table.split(".")
        starts = (self.tables.get(".".join(parts[:length]), 0) for length in range(len(parts), 0, -1))
        start = next((line for line in starts if line), 0)
        words = (word, *(f"{part}=" for part in reversed(parts)))
        found = next((self.words[one] for one in words if one in self.words), None)
        if not found:
            return Location(self.name, start)
        return Location(self.name, found[min(bisect_left(found, start), len(found) - 1)])

    def table(self, *keys: str) -> Mapping[str, Any]:
        """The table below these keys; empty when it is missing or something else."""
        value: Any = self.data
        for key in keys:
            value = value.get(key, {}) if isinstance(value, dict) else {}
        return value if isinstance(value, dict) else {}

    def wrong(self, key: str, what: str, *, fatal: bool) -> Wrong:
        """A problem of a dotted key, at its line."""
        return Wrong(self.at(key), f"{key}: {what}", fatal=fatal)


def load(path: Path, root: Path) -> Toml | None:
    """The file, or None when there is none.

    Raises:
        ConfigError: it cannot be read, is too large, is not UTF-8 or is not TOML; the line is said.
    """
    if not path.exists():
        return None
    name = relative(path, root)
    text = ""
    try:
        text = content(path, LARGEST).decode("utf-8-sig")
        data = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ConfigError(name, [f"is not UTF-8 text (byte {error.start})"]) from None
    except RecursionError:
        raise ConfigError(name, ["is nested too deeply"]) from None
    # TOMLDecodeError, and the plain ValueError of a number with too many digits.
    except ValueError as error:
        raise _syntax(name, str(error), text) from None
    return _indexed(name, text, data)


def texts(value: object) -> list[str]:
    """The texts of a list; none of anything else."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _syntax(name: str, message: str, text: str) -> ConfigError:
    # tomllib ends its message with the place: "… (at line 3, column 5)", "… (at end of document)".
    match = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", message, re.DOTALL)
    place = f"{name}:{match[2] or text.count(chr(10)) + 1}" if match else name
    what = match[1] if match else message
    return ConfigError(place, [f"is not TOML: {what}"], hint="see https://toml.io for the format")


def _indexed(name: str, text: str, data: Mapping[str, Any]) -> Toml:
    tables: dict[str, int] = {}
    words: dict[str, list[int]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > LONGEST:
            continue
        if header := _HEADER.match(line):
            tables.setdefault(re.sub(r"[\s\"']", "", header[1]), number)
            continue
        for word in _words(line):
            words.setdefault(word, []).append(number)
    return Toml(name, data, tables, words)


def _words(line: str) -> Iterator[str]:
    """The strings of a line, its key as ``key=``, and both together when there is one string: ``name=torch``."""
    found = [match for match in _STRING.finditer(line) if match[2] or match[4]]
    strings = [match[1].replace('\\"', '"') if match[2] else match[3] for match in found]
    yield from strings
    if key := _KEY.match(line):
        yield f"{key[1]}="
        if len(strings) == 1:
            yield f"{key[1]}={strings[0]}"
