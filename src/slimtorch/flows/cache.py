"""What the cache holds, and how it is kept small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slimtorch.host.cache import Cache


@dataclass(frozen=True, slots=True)
class Kept:
    """All items of one kind: how many, and their bytes."""

    kind: str
    items: int
    size: int


def summary(cache: Cache) -> list[Kept]:
    """What the cache holds, by kind, the largest first."""
    totals: dict[str, list[int]] = {}
    for item in cache.contents():
        totals.setdefault(item.kind, []).append(item.size)
    kinds = [Kept(kind, len(sizes), sum(sizes)) for kind, sizes in totals.items()]
    return sorted(kinds, key=lambda kept: -kept.size)
