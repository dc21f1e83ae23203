"""Where the results of two installations differ. Needs no torch."""

from __future__ import annotations

import fnmatch
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

Results = dict[str, Any]
TOLERANCE = 1e-3


def compare(before: Results, after: Results, missing: Sequence[tuple[str, str]] = ()) -> list[str]:
    """The differences, a line each. `missing` are (pattern of families, what their error must contain)."""
    found = []
    for name, first in before["families"].items():
        second = after["families"].get(name, {"error": "was not computed"})
        expected = [text for pattern, text in missing if fnmatch.fnmatch(name, pattern)]
        why = _not_missing(second, expected) if expected else _difference(first, second)
        found += [f"{name}: {why}"] if why else []
    unmatched = [pattern for pattern, _ in missing if not fnmatch.filter(before["families"], pattern)]
    return found + [f"there is no family {pattern!r}" for pattern in unmatched]


def _not_missing(second: Results, expected: Sequence[str]) -> str:
    if "error" not in second:
        return f"should fail with an error that names {', '.join(expected)}, and works"
    silent = [text for text in expected if text.lower() not in second["error"].lower()]
    return f"fails without naming {', '.join(silent)}: {second['error']}" if silent else ""


def _difference(first: Results, second: Results) -> str:
    if "error" in first or "error" in second:
        same = first.get("error") == second.get("error")
        return "" if same or "error" not in second else f"fails: {second.get('error')}"
    if first["digest"] == second["digest"]:
        return ""
    if first["stable"] and second["stable"]:
        return f"gives other bytes ({_largest(first, second)})"
    return "" if _close(first, second) else f"gives other values ({_largest(first, second)})"


def _close(first: Results, second: Results) -> bool:
    scale = max((abs(value) for value in first["values"] if math.isfinite(value)), default=0)
    pairs = zip(first["values"], second["values"], strict=False)
    return len(first["values"]) == len(second["values"]) and all(_near(a, b, TOLERANCE * scale) for a, b in pairs)


def _near(one: float, other: float, absolute: float) -> bool:
    both = math.isnan(one) and math.isnan(other)
    return both or math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=absolute)


def _largest(first: Results, second: Results) -> str:
    apart = [abs(a - b) for a, b in zip(first["values"], second["values"], strict=False)]
    return f"up to {max(apart, default=0):.3g} apart in the values that were kept"
