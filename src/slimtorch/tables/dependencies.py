"""What is known of distributions that no import tells: tools of development, back ends, those that work unasked.

Names are canonical (PEP 503); where a table holds patterns, ``*`` stands for anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any

from slimtorch import tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def tool(name: str) -> str:
    """What a tool of development is, with its article (``a notebook tool``); '' for what is none."""
    table = _tools()
    kind = table["tools"].get(name) or _first(table["patterns"], name)
    return str(table["kinds"][kind]) if kind else ""


def tool_of_group(group: str) -> str:
    """What the tools are that load this group of entry points; '' where something else may."""
    table = _tools()
    kind = _first(table["groups"], group)
    return str(table["kinds"][kind]) if kind else ""


def is_inert(group: str) -> bool:
    """Whether nobody loads this group of entry points without importing the distribution as well."""
    return bool(_first(_tools()["inert"], group))


def is_development_extra(extra: str) -> bool:
    """Whether an extra (or a dependency group) of this name holds tools, by custom."""
    return any(fnmatchcase(extra, pattern) for pattern in _tools()["extras"])


def quiet(name: str) -> str:
    """Why this distribution does its work without being imported; '' where that is not known."""
    table = tables.load("quiet")
    return str(table["names"].get(name) or _first(table["patterns"], name) or "")


def quiet_unless_brought(name: str) -> str:
    """As `quiet`, for what is there for no reason of its own where another requirement brings it."""
    return str(tables.load("quiet")["unless_brought"].get(name, ""))


def back_end(host: str, name: str) -> bool:
    """Whether `host` uses the distribution `name` when it is there."""
    return _holds(_hosts().get(host), name)


def is_host(host: str) -> bool:
    """Whether the distribution uses others when they are there."""
    return host in _hosts()


def only_used(host: str) -> bool:
    """Whether the back ends of this distribution matter only where the service itself uses it."""
    return host in tables.load("backends")["only_used"]


def users_of(name: str) -> tuple[str, ...]:
    """The dotted names, of modules or of what is in them, that use the distribution `name`."""
    return tuple(dotted for dotted, names in tables.load("backends")["uses"].items() if name in names)


def is_framework(name: str) -> bool:
    """Whether a service that uses this distribution imports it, whatever lists it in an extra."""
    return name in tables.load("backends")["frameworks"]


def engines() -> frozenset[str]:
    """Distributions that compute for others, so that a service may use one and never import it."""
    return frozenset(tables.load("backends")["engines"])


def reads_pickles(dotted: str) -> str:
    """What this function or module reads from a file: ``any`` Python objects, those of ``torch``, or nothing ('')."""
    readers = tables.load("backends")["pickled"]["readers"]
    return next((kind for kind, names in readers.items() if dotted in names), "")


def is_pickled(name: str, kind: str) -> bool:
    """Whether such files (`reads_pickles`) usually need this distribution to be read."""
    return name in tables.load("backends")["pickled"]["names"].get(kind, ())


def runs_unknown_code(dotted: str) -> bool:
    """Whether this function runs code that it fetches."""
    return dotted in tables.load("backends")["pickled"]["unknown_code"]


@dataclass(frozen=True, slots=True)
class _Patterns:
    exact: frozenset[str]
    open: tuple[str, ...]


def check_tables() -> None:
    """Nothing, where the tables are whole.

    Raises:
        ValueError: a row has no reason or names a kind that is not there, which is a bug.
    """
    table = _tools()
    for name, kind in (*table["tools"].items(), *table["patterns"].items(), *table["groups"].items()):
        if kind not in table["kinds"]:
            raise ValueError(f"the table of tools holds {name!r} as {kind!r}, which is no kind")
    told = tables.load("quiet")
    for name, why in (*told["names"].items(), *told["patterns"].items(), *told["unless_brought"].items()):
        if not isinstance(why, str) or not why:
            raise ValueError(f"the table gives no reason for {name!r}")
    for host, names in tables.load("backends")["distributions"].items():
        if not names or names != sorted(set(names)):
            raise ValueError(f"the back ends of {host!r} are missing, not in order, or one is there twice")


def _tools() -> Mapping[str, Any]:
    return tables.load("development_tools")


@cache
def _hosts() -> dict[str, _Patterns]:
    table = tables.load("backends")["distributions"]
    return {host: _patterns(names) for host, names in table.items()}


def _patterns(names: Iterable[str]) -> _Patterns:
    found = list(names)
    return _Patterns(frozenset(name for name in found if "*" not in name), tuple(name for name in found if "*" in name))


def _holds(patterns: _Patterns | None, name: str) -> bool:
    if patterns is None:
        return False
    return name in patterns.exact or any(fnmatchcase(name, pattern) for pattern in patterns.open)


def _first(table: Mapping[str, Any], name: str) -> str:
    return next((str(value) for pattern, value in table.items() if fnmatchcase(name, pattern)), "")
