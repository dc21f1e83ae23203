"""What a refresh of the lock changes, as tables for people and as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slimtorch.cli.console import Table
from slimtorch.project.sizes import signed, written

if TYPE_CHECKING:
    from slimtorch.deps.changes.lock import Change, Changes
    from slimtorch.flows.lock import Locked

_COLUMNS = ("package", "before", "after", "was", "is", "±")
_NUMBERS = frozenset({"was", "is", "±"})


def changes(platform: str, found: Changes) -> Table:
    """The packages that differ, the largest first, and the sum."""
    rows = [(row.name, row.old or "-", row.new or "-", *_sizes(row)) for row in found.rows]
    before, after = sum(row.old_size for row in found.rows), sum(row.new_size for row in found.rows)
    total = ("total", "", "", written(before), written(after), signed(found.size))
    return Table(_COLUMNS, rows, _NUMBERS, total, title=platform)


def reasons(platform: str, found: Changes) -> list[str]:
    """The summary, then each cause with what it brought or took, one a line."""
    lines = [f"{platform}: {found.summary}"]
    for cause in found.causes:
        shown = ", ".join(cause.names[:5]) + (f" and {len(cause.names) - 5} more" if len(cause.names) > 5 else "")
        lines.append(f"  {signed(cause.size)} {shown}: {cause.detail or cause.text}")
    return lines


def to_json(result: Locked) -> dict[str, Any]:
    """The device of a lock, its notes, and what it changes."""
    return {
        "device": {"declared": result.declared, "decided": result.lock.device},
        "notes": list(result.lock.notes),
        "changes": {
            platform: {
                "size": found.size,
                "summary": found.summary,
                "packages": [_row(row) for row in found.rows],
                "causes": [
                    {"size": cause.size, "text": cause.text, "detail": cause.detail, "packages": list(cause.names)}
                    for cause in found.causes
                ],
            }
            for platform, found in result.changes.items()
        },
    }


def _sizes(row: Change) -> tuple[str, str, str]:
    was, now = (written(row.old_size) if row.old else "", written(row.new_size) if row.new else "")
    return was, now, signed(row.size)


def _row(row: Change) -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": "wheel" if row.wheel else "deb",
        "before": row.old,
        "after": row.new,
        "size_before": row.old_size,
        "size_after": row.new_size,
        "why": row.why,
    }
