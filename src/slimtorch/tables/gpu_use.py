"""What distributions do with a GPU: the table, and the questions it answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any

from slimtorch import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\*?|[a-z0-9][a-z0-9-]*-\*")
_CALL = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")


@dataclass(frozen=True, slots=True)
class GpuUse:
    """The table. Names are canonical; those of `needs` are patterns. `calls` and `takes` name functions, dotted."""

    needs: tuple[str, ...]
    takes: Mapping[str, tuple[str, ...]]
    follows: frozenset[str]
    calls: frozenset[str]

    def needed_by(self, name: str) -> bool:
        """Whether the distribution is of no use without a GPU."""
        return any(fnmatchcase(name, pattern) for pattern in self.needs)

    def known(self, name: str) -> bool:
        """Whether the table says anything of the distribution."""
        return name in self.follows or name in self.takes or self.needed_by(name)


@cache
def known() -> GpuUse:
    """The table.

    Raises:
        ValueError: it is damaged, which is a bug.
    """
    return check_table(tables.load("gpu_use"))


def check_table(data: Mapping[str, Any]) -> GpuUse:
    """The table in `data`.

    Raises:
        ValueError: a name is none, or stands under two headings.
    """
    takes = {name: tuple(calls) for name, calls in data["takes"].items()}
    found = GpuUse(tuple(data["needs"]), takes, frozenset(data["follows"]), frozenset(data["calls"]))
    names = [*found.needs, *takes, *data["follows"]]
    wrong = [name for name in names if not _NAME.fullmatch(name)] + [name for name in names if names.count(name) > 1]
    wrong += [call for call in (*found.calls, *sum(takes.values(), ())) if not _CALL.fullmatch(call)]
    wrong += [name for name in (*takes, *found.follows) if found.needed_by(name)]
    if wrong:
        raise ValueError(f"the table of what GPUs are used for is wrong about {sorted(set(wrong))}")
    return found
