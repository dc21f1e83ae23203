"""The ledger as a table that fits 80 columns, and what was left alone in sentences."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from slimtorch.cli.console import Table, size
from slimtorch.slim import ledger as ledgers
from slimtorch.slim.ledger import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from slimtorch.slim.model import Ledger

LITTLE = 1 / 2000
"""The share of all bytes below which a row is not shown by itself."""
NAMED = 3
"""Files that are named for a remark before the rest is counted."""
_NUMBERS = frozenset({"files", "saved"})


def table(ledger: Ledger) -> Table:
    """What each pass saved, why, and what was shown; the total with the size before and after.

    What is too little to matter is one row a pass; the ledger's file has all of it.
    """
    cells = [
        (row.name, f"{row.files:,}", size(row.saved), row.reason, "; ".join(row.proof) or "-") for row in _rows(ledger)
    ]
    files = len({saving.path for saving in ledger.savings})
    share = f", {100 * ledger.after / ledger.before:.0f} % left" if ledger.before else ""
    left = f"{size(ledger.before)} before, {size(ledger.after)} after{share}"
    total = ("total", f"{files:,}", size(ledgers.saved(ledger)), left, "")
    return Table(("pass", "files", "saved", "reason", "proof"), cells, _NUMBERS, total)


def _rows(ledger: Ledger) -> Iterator[Row]:
    for done_by, group in groupby(ledgers.rows(ledger), lambda row: row.done_by):
        rows = list(group)
        little = [row for row in rows if row.saved < ledger.before * LITTLE]
        if len(little) < 2:
            yield from rows
            continue
        yield from rows[: len(rows) - len(little)]
        proof = tuple(dict.fromkeys(text for row in little for text in row.proof))
        reason = f"{len(little)} reasons that make little each (--ledger FILE has them)"
        yield Row(done_by, sum(row.files for row in little), sum(row.saved for row in little), reason, proof)


def notes(ledger: Ledger, prefix: str = "") -> Iterator[str]:
    """What was left alone or is to be known: a sentence for each remark, however many files it is about."""
    counted = Counter(note.text for note in ledger.notes)
    for text, count in counted.items():
        paths = sorted(note.path.removeprefix(prefix) for note in ledger.notes if note.text == text and note.path)
        if not paths:
            yield text
            continue
        more = f" and {count - NAMED:,} more" if count > NAMED else ""
        yield f"{', '.join(paths[:NAMED])}{more}: {text}"


def prefix(sites: Sequence[str]) -> str:
    """What every path of the ledger starts with and nobody needs to read; '' where there are several folders."""
    return f"{sites[0]}/" if len(sites) == 1 else ""
