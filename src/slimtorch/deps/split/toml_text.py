"""Where a new table goes in a TOML text, so that a reader finds it beside what it belongs to."""

from __future__ import annotations

import re
import tomllib

_HEADER = re.compile(r"^[ \t]*\[\[?[ \t]*([^\]\r\n]+?)[ \t]*\]\]?[ \t]*(?:#[^\r\n]*)?\r?$", re.MULTILINE)


def newline_of(text: str) -> str:
    """The line end of the first line."""
    return "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"


def insert_table(text: str, name: str, lines: str, *, after: str) -> str:
    """The text with a table ``[name]`` behind the table `after` and those below it; at the end where that fails."""
    newline = newline_of(text)
    table = f"[{name}]{newline}{lines}"
    place = _behind(text, after)
    above, below = text[:place].rstrip("\r\n"), text[place:].lstrip("\r\n")
    new = above + newline * 2 + table + (newline + below if below else "")
    return new if _same_but(text, new, name) else text.rstrip("\r\n") + newline * 2 + table


def _behind(text: str, after: str) -> int:
    """Where the tables end that are called `after` or stand below it: before the comment above the next header."""
    inside = False
    for header in _HEADER.finditer(text):
        name = header[1].replace(" ", "").replace('"', "")
        if name == after or name.startswith(f"{after}."):
            inside = True
        elif inside:
            lines = text[: header.start()].splitlines(keepends=True)
            while lines and lines[-1].lstrip().startswith("#"):
                lines.pop()
            return sum(map(len, lines))
    return len(text)


def _same_but(before: str, after: str, name: str) -> bool:
    """Whether both say the same but for the table `name`, which the second one has."""
    try:
        old, new = tomllib.loads(before), tomllib.loads(after)
    except tomllib.TOMLDecodeError:
        return False
    *above, last = name.split(".")
    inner = new
    for part in above:
        inner = inner.get(part, {})
    return inner.pop(last, None) is not None and _pruned(old) == _pruned(new)


def _pruned(value: object) -> object:
    """The value without empty tables: a new table below others makes those."""
    if not isinstance(value, dict):
        return value
    inner = {key: _pruned(one) for key, one in value.items()}
    return {key: one for key, one in inner.items() if one != {}}
