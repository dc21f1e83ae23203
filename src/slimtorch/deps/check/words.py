"""The sentences that say why a verdict is what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.deps.check.facts import place
from slimtorch.inventory.code.model import Form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slimtorch.deps.check.facts import Uses
    from slimtorch.inventory.code.model import Import
    from slimtorch.inventory.distributions import Distribution
    from slimtorch.inventory.needs import Edge

_HOW = {
    Form.PLAIN: "imports it",
    Form.LAZY: "imports it in a function",
    Form.OPTIONAL: "imports it if it is there",
    Form.TYPING: "imports it",
    Form.LITERAL: "imports it by its name",
    Form.STRING: "names it",
}
_STRENGTH = list(_HOW)
SHOWN = 3


def used(imports: Sequence[Import], what: str = "it") -> str:
    """The strongest import, and how many more there are: ``serve.py:3 imports it (and 2 more)``."""
    first = min(imports, key=lambda one: (_STRENGTH.index(one.form), one.location.path, one.location.line))
    more = len({one.location for one in imports}) - 1
    said = f"{place(first.location)} {_HOW[first.form].replace(' it', f' {what}', 1)}"
    return said + (f" (and {more} more)" if more else "")


def tool(kind: str, uses: Uses) -> str:
    """``a formatter, which nothing of the service imports``."""
    seen = uses.development or uses.tests or uses.typing
    return f"{kind}; {used(seen)}" if seen else f"{kind}, and nothing imports it"


def needed(needers: Sequence[str]) -> str:
    """Who needs it, where nothing imports it."""
    return f"nothing imports it, and {listed(needers)} need{'s' if len(needers) == 1 else ''} it"


def chain(edges: Sequence[Edge]) -> str:
    """The root that brings it, and what lies between."""
    if not edges:
        return ""
    between = [edge.needed for edge in edges[:-1]]
    return edges[0].needer + (f" (through {', '.join(between)})" if between else "")


def listed(names: Sequence[str]) -> str:
    """``a, b and 3 more``."""
    if len(names) <= SHOWN:
        return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
    return f"{', '.join(names[: SHOWN - 1])} and {len(names) - SHOWN + 1} more"


def modules(held: Distribution) -> str:
    """What would be imported if it were."""
    tops = sorted({m for m in held.modules if "." not in m and m not in held.namespaces and not m.startswith("_")})
    deep = sorted(module for module in held.modules - held.namespaces if not _inside(module, held))
    names = tops or deep or sorted(held.modules)
    return " or ".join(names[:SHOWN]) if names else "it"


def _inside(module: str, held: Distribution) -> bool:
    above = module.rpartition(".")[0]
    return bool(above) and above in held.modules and above not in held.namespaces
