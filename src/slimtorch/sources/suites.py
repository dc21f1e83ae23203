"""Debian's suites: which there are, and which Python each packages."""

from __future__ import annotations

import difflib
from typing import Any

from slimtorch import tables
from slimtorch.errors import ResolveError


def known(suite: str) -> dict[str, Any]:
    """What the table says of the suite: ``version`` and ``python``.

    Raises:
        ResolveError: there is no such suite in the table.
    """
    table: dict[str, dict[str, Any]] = tables.load("suites")["suites"]
    if suite not in table:
        near = difflib.get_close_matches(suite, table, 1)
        raise ResolveError(
            f"slimtorch does not know the Debian suite {suite!r}",
            hint=f"did you mean {near[0]!r}?" if near else f"it knows {', '.join(table)}",
        )
    return table[suite]


def names() -> frozenset[str]:
    """Every name that a Debian release may have in a sources list."""
    table = tables.load("suites")
    return frozenset([*table["suites"], *table["aliases"]])


def check_python(suite: str, python: str) -> None:
    """Nothing, where the suite packages this Python (``3.11``).

    Raises:
        ResolveError: it packages another.
    """
    ours = known(suite)["python"]
    wanted = ".".join(python.split(".")[:2])
    if wanted == ours:
        return
    table: dict[str, dict[str, Any]] = tables.load("suites")["suites"]
    other = next((name for name, facts in table.items() if facts["python"] == wanted), "")
    ways = [f'python = "{ours}"'] + ([f'[os] suite = "{other}"'] if other else ["[os] base"])
    raise ResolveError(
        f"Debian {suite} packages Python {ours}, but the project asks for Python {wanted}",
        hint="set " + " or ".join(ways),
    )
