"""The ledger as JSON and as rows: every byte that went, with the pass, the reason and the proof.

The JSON has a version of its form (`SCHEMA`); fields are only ever added. The digest is that of its canonical form,
so an image's label and a file beside it can be compared.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slimtorch.errors import UsageError
from slimtorch.image.digest import of_json
from slimtorch.slim.model import Ledger, Note, Pass, Saving

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from slimtorch.image.digest import Digest

SCHEMA = 1
EXPERIMENTAL = frozenset({Pass.DEVICE_CODE})
"""Passes whose results no committed run on a GPU has confirmed yet; ledger and tables say so."""


@dataclass(frozen=True, slots=True)
class Row:
    """Savings of one pass for one reason: how many files, how many bytes less, and what was shown.

    `proof` is in short: with the number of files where it is not true of all of them.
    """

    done_by: Pass
    files: int
    saved: int
    reason: str
    proof: tuple[str, ...]

    @property
    def name(self) -> str:
        """The pass, marked where it is experimental."""
        return f"{self.done_by} (experimental)" if self.done_by in EXPERIMENTAL else str(self.done_by)


def rows(ledger: Ledger) -> tuple[Row, ...]:
    """The savings summed up by pass and reason: passes in their order, the largest sum first."""
    groups: dict[tuple[Pass, str], list[Saving]] = {}
    for saving in ledger.savings:
        groups.setdefault((saving.done_by, saving.reason), []).append(saving)
    order = list(Pass)
    found = [
        Row(done_by, len(group), sum(one.saved for one in group), reason, _shown(group))
        for (done_by, reason), group in groups.items()
    ]
    return tuple(sorted(found, key=lambda row: (order.index(row.done_by), -row.saved, row.reason)))


def _shown(group: Sequence[Saving]) -> tuple[str, ...]:
    """The proofs of a group in short, without the details after a colon."""
    counts = Counter(text.partition(":")[0] for saving in group for text in dict.fromkeys(saving.proof))
    return tuple(text if count == len(group) else f"{text} ({count:,})" for text, count in counts.items())


def saved(ledger: Ledger) -> int:
    """Bytes that all savings make together."""
    return sum(saving.saved for saving in ledger.savings)


def adds_up(ledger: Ledger) -> bool:
    """Whether the savings explain every byte between before and after."""
    return ledger.before - ledger.after == saved(ledger)


def digest(ledger: Ledger) -> Digest:
    """The digest of the ledger's canonical JSON."""
    return of_json(to_json(ledger))


def to_json(ledger: Ledger) -> dict[str, Any]:
    """The ledger; `from_json` gives it back."""
    return {
        "schema": SCHEMA,
        "profile": ledger.profile,
        "gpus": list(ledger.gpus),
        "settings": dict(ledger.settings),
        "before": ledger.before,
        "after": ledger.after,
        "experimental": sorted({str(saving.done_by) for saving in ledger.savings} & {str(one) for one in EXPERIMENTAL}),
        "savings": [
            {
                "pass": str(saving.done_by),
                "path": saving.path,
                "owner": saving.owner,
                "before": saving.before,
                "after": saving.after,
                "reason": saving.reason,
                "proof": list(saving.proof),
            }
            for saving in ledger.savings
        ],
        "notes": [{"path": note.path, "text": note.text} for note in ledger.notes],
    }


def from_json(value: Any) -> Ledger:  # noqa: ANN401  (any JSON value)
    """The ledger in a decoded JSON value.

    Raises:
        UsageError: it is no ledger, or one of a newer form.
    """
    try:
        if value["schema"] != SCHEMA:
            raise UsageError(
                f"the ledger has the form {str(value['schema'])[:40]!r}, not {SCHEMA}",
                hint="read it with the slimtorch that wrote it",
            )
        found = Ledger(
            _text(value["profile"]),
            tuple(_text(name) for name in value["gpus"]),
            _count(value["before"]),
            _count(value["after"]),
            tuple(_saving(row) for row in value["savings"]),
            tuple(Note(_text(row["path"]), _text(row["text"])) for row in value["notes"]),
            {_text(key): setting for key, setting in value["settings"].items()},
        )
        if not adds_up(found):
            raise ValueError("its sizes do not add up")  # noqa: TRY301  (told in the same words as the rest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"this is not a ledger of slimtorch: {error}", hint="write one with --ledger FILE") from None
    return found


def _saving(row: Mapping[str, Any]) -> Saving:
    return Saving(
        Pass(row["pass"]),
        _text(row["path"]),
        _text(row["owner"]),
        _count(row["before"]),
        _count(row["after"]),
        _text(row["reason"]),
        tuple(_text(text) for text in row["proof"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is not a text")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{str(value)[:40]!r} is not a number of bytes")
    return value
