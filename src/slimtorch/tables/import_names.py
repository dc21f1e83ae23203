"""What well-known distributions are imported as, for when no wheel can be asked."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from slimtorch import tables

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMESPACES = frozenset(
    ("azure", "backports", "google", "jaraco", "mpl-toolkits", "opentelemetry", "ruamel", "sphinxcontrib", "zope")
)
"""First words of names whose other words are parts of a dotted name."""
_DISTRIBUTION = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def modules_of(name: str) -> frozenset[str]:
    """The dotted names that the distribution `name` (canonical) is imported as; empty when the table lacks it."""
    return _rows().get(name, frozenset())


def assumed(name: str) -> frozenset[str]:
    """What a distribution of this name is imported as: by the table, else every name that it may well have.

    Made of stubs only, it has none.
    """
    if found := modules_of(name):
        return found
    if name.startswith("types-") or name.endswith("-stubs"):
        return frozenset()
    words = name.split("-")
    guesses = {name.replace("-", "_"), name.replace("-", "")}
    if words[0] in _NAMESPACES and len(words) > 1:
        guesses = {".".join(words), f"{words[0]}.{'_'.join(words[1:])}"}
    elif len(words) > 1 and "python" in {words[0], words[-1]}:
        guesses.add("_".join(word for word in words if word != "python"))
    return frozenset(guess for guess in guesses if all(part.isidentifier() for part in guess.split(".")))


@cache
def _rows() -> Mapping[str, frozenset[str]]:
    return check_table(tables.load("import_names")["modules"])


def check_table(rows: Mapping[str, list[str]]) -> dict[str, frozenset[str]]:
    """The rows, checked.

    Raises:
        ValueError: a name is not canonical, not sorted, or has no modules; or a module is no dotted name.
    """
    if list(rows) != sorted(rows):
        raise ValueError("the table of import names is not in order")
    for name, modules in rows.items():
        if not _DISTRIBUTION.fullmatch(name):
            raise ValueError(f"the table of import names holds {name!r}, which is no canonical name")
        if not modules or modules != sorted(set(modules)):
            raise ValueError(f"the table's modules of {name} are missing, not in order, or one is there twice")
        for module in modules:
            if not all(part.isidentifier() for part in module.split(".")):
                raise ValueError(f"the table's module {module!r} of {name} is no dotted name")
    return {name: frozenset(modules) for name, modules in rows.items()}
