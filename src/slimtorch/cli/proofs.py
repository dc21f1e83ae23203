"""How a failed proof is told, whatever command it happened in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from slimtorch.cli import console
from slimtorch.host.rewrite import rewrite
from slimtorch.slim import ledger as ledgers

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.errors import ProofError

FAILED = 1


def failed(error: ProofError, format_: str, file: Path | None) -> int:
    """The exit code; what failed, by pass and file, on the terminal and in the file that was to get the ledger."""
    rows = [{"pass": done_by, "path": path, "what": what} for done_by, path, what in error.failures]
    value = {"schema": ledgers.SCHEMA, "error": error.message, "failures": rows}
    if file:
        rewrite({file: (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()})
    if format_ == "json":
        console.result_json(value)
    console.error(error.message, error.hint)
    return FAILED
