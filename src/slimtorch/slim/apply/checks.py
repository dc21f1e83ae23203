"""What is asked of everything that was made, before any of it is put in place."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from slimtorch.errors import ProofError
from slimtorch.slim.proof import static
from slimtorch.slim.trimming import refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from slimtorch.slim.apply.making import Made
    from slimtorch.slim.model import Ledger, Proposal, Subject

NOTHING_CHANGED = "nothing was changed"


def check_files(made: Collection[Made], subject: Subject) -> None:
    """Nothing, where every library could be made.

    Raises:
        ElfError: a library has GPU code, but none for a GPU of the policy.
        ProofError: a new file is not what it has to be.
    """
    if uncovered := {one.path: one.uncovered for one in made if one.uncovered}:
        raise refusal(uncovered, subject.owners)
    if failures := [failure for one in made for failure in one.failures]:
        raise failed(failures)


def check_whole(subject: Subject, proposal: Proposal, changed: Mapping[str, Path | None]) -> None:
    """Nothing, where every symbol that resolved still does; `changed` as `proof.clone` wants it.

    Raises:
        ProofError: a library misses what it found before.
    """
    if failures := list(static.unresolved(subject, proposal, changed)):
        raise failed(failures)


def check_size(left: int, ledger: Ledger) -> None:
    """Nothing, where every byte that is not there any more is in the ledger; `left` is bytes of all files.

    Raises:
        ProofError: the ledger says something else.
    """
    if left != ledger.after:
        raise failed([("apply", "", f"{left} bytes are left, not {ledger.after} as the ledger says")])


def failed(failures: list[tuple[str, str, str]]) -> ProofError:
    """The error of proofs that failed: the pass, the path and what was found of each."""
    done_by, path, text = failures[0]
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return ProofError(
        f"{': '.join(filter(None, (done_by, path, text)))}{more}",
        failures,
        hint=f"{NOTHING_CHANGED}; --keep {posixpath.basename(path)} leaves that file as it is"
        if path
        else f"{NOTHING_CHANGED}; please report it",
    )
