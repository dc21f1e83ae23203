"""Held-out inputs with the answers that a service must give: a JSON list of ``{"input": …, "output": …}``."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slimtorch.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

ENOUGH = 20
LIMIT = 64_000_000
"""Bytes above which a file of questions is not read."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked (the body of a POST, as JSON) and what must be answered."""

    input: Any
    output: Any


def load(path: Path) -> tuple[Question, ...]:
    """The questions in the file.

    Raises:
        ConfigError: it cannot be read or is no list of questions; every problem is named.
    """
    hint = 'a JSON list of {"input": what is posted, "output": what must be answered}'
    try:
        if path.stat().st_size > LIMIT:
            raise ConfigError(str(path), [f"is larger than {LIMIT} bytes"], hint=hint)
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(str(path), [str(error.strerror)], hint=hint) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(str(path), [f"is no JSON: {error}"], hint=hint) from None
    if not isinstance(value, list):
        raise ConfigError(str(path), ["is no list"], hint=hint)
    problems = [f"item {number}: {why}" for number, item in enumerate(value, 1) if (why := _problem(item))]
    if problems:
        raise ConfigError(str(path), problems, hint=hint)
    return tuple(Question(item["input"], item["output"]) for item in value)


def _problem(item: object) -> str:
    if not isinstance(item, dict):
        return "is no object"
    missing = [name for name in ("input", "output") if name not in item]
    return f"has no {' and no '.join(missing)}" if missing else ""


def difference(expected: object, got: object, tolerance: float, where: str = "answer") -> str:
    """Where and how the two JSON values first differ; '' if nowhere.

    Numbers may differ by `tolerance`, absolute or relative; keys that only `got` has do not count.
    """
    if isinstance(expected, dict) and isinstance(got, dict):
        missing = [key for key in expected if key not in got]
        if missing:
            return f"{where} has no {missing[0]!r}"
        pairs = ((difference(value, got[key], tolerance, f"{where}.{key}")) for key, value in expected.items())
        return next(filter(None, pairs), "")
    if isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            return f"{where} has {len(got)} items, not {len(expected)}"
        items = enumerate(zip(expected, got, strict=True))
        return next(filter(None, (difference(a, b, tolerance, f"{where}[{i}]") for i, (a, b) in items)), "")
    if _is_number(expected) and _is_number(got):
        close = math.isclose(expected, got, rel_tol=tolerance, abs_tol=tolerance)  # type: ignore[arg-type]
        same = close or (expected != expected and got != got)  # noqa: PLR0124  (NaN is unlike itself)
        return "" if same else f"{where} is {got}, not {expected}"
    same = type(expected) is type(got) and expected == got
    return "" if same else f"{where} is {json.dumps(got)[:80]}, not {json.dumps(expected)[:80]}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
