"""The code for GPUs in libraries, as a table and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slimtorch.cli.console import Table, size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.flows.show import ShownCode
    from slimtorch.inventory.gpu_code import Library

_NUMBERS = frozenset({"entries", "stored", "unpacked", "saves"})
_HEAD = ("library", "code", "entries", "stored", "unpacked")


def table(shown: ShownCode) -> Table:
    """A row for each library and architecture; what pruning would save stands in a library's first row."""
    saves = bool(shown.gpus)
    rows = [row for library in shown.libraries for row in _rows(library, saves=saves)]
    amounts = [amount for library in shown.libraries for amount in library.amounts]
    total = [f"{len(shown.libraries):,} libraries", "", f"{sum(amount.entries for amount in amounts):,}"]
    total += [size(sum(amount.stored for amount in amounts)), size(sum(amount.unpacked for amount in amounts))]
    total += [size(sum(library.saves or 0 for library in shown.libraries))] if saves else []
    return Table((*_HEAD, "saves") if saves else _HEAD, rows, _NUMBERS, total)


def _rows(library: Library, *, saves: bool) -> Iterator[tuple[str, ...]]:
    name = _short(library.path)
    for amount in library.amounts:
        numbers = (f"{amount.entries:,}", size(amount.stored), size(amount.unpacked))
        saved = "" if library.saves is None or not name else size(library.saves)
        yield (name, amount.name, *numbers, saved) if saves else (name, amount.name, *numbers)
        name = ""


def remarks(shown: ShownCode) -> Iterator[str]:
    """What a reader of the table has to know of single libraries."""
    for library in shown.libraries:
        if library.problem:
            yield f"{_short(library.path)} would be left as it is: {library.problem}"
        if library.uncovered:
            yield f"{_short(library.path)} has no code for {', '.join(library.uncovered)}"


def _short(path: str) -> str:
    """A library's path, from its package on."""
    for folder in ("/site-packages/", "/dist-packages/"):
        if folder in path:
            return path.rpartition(folder)[2]
    return path


def as_json(shown: ShownCode) -> dict[str, Any]:
    """Everything; sizes in bytes."""
    return {
        "reference": shown.reference,
        "gpus": [{"name": gpu.name, "capability": gpu.capability} for gpu in shown.gpus],
        "libraries": [
            {
                "path": library.path,
                "size": library.size,
                "code": [
                    {
                        "name": amount.name,
                        "kind": amount.kind,
                        "entries": amount.entries,
                        "stored": amount.stored,
                        "unpacked": amount.unpacked,
                    }
                    for amount in library.amounts
                ],
                "saves": library.saves,
                "uncovered": list(library.uncovered),
                "problem": library.problem,
            }
            for library in shown.libraries
        ],
    }
