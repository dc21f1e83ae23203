"""The lines of the ledger: what an edit saves, and why, in the same words whatever it is applied to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.image.tree import Kind
from slimtorch.slim.model import Drop, Ledger, Pass, Saving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from slimtorch.slim.model import Edit, Policy, Stub, Subject, Trim

RECORD_REASON = "lists the files that are left"


def total(subject: Subject) -> int:
    """Bytes of all files, each counted once however many names it has."""
    return sum(
        node.size for path, node in subject.files.items() if node.kind is Kind.FILE and path not in subject.links
    )


def names(subject: Subject, path: str) -> tuple[str, ...]:
    """All names of the file at `path`, the first one first."""
    first = subject.links.get(path, path)
    return (first, *(other for other, one in subject.links.items() if one == first))


def dropped(subject: Subject, edit: Drop, edits: Mapping[str, Edit]) -> Saving:
    """What goes with a path: nothing with a link, or with one name of a file that keeps another."""
    node, every = subject.files[edit.path], names(subject, edit.path) if subject.links else (edit.path,)
    goes = every[0] == edit.path and all(isinstance(edits.get(name), Drop) for name in every)
    size = node.size if node.kind is Kind.FILE and goes else 0
    return Saving(edit.done_by, edit.path, subject.owners.get(edit.path, ""), size, 0, edit.reason)


def trimmed(subject: Subject, edit: Trim, saved: Mapping[Pass, int], proof: tuple[str, ...]) -> Iterator[Saving]:
    """What each pass took out of a library: one after the other, so that the sizes chain."""
    size = subject.files[edit.path].size
    for done_by, bytes_ in saved.items():
        reason = _code(edit) if done_by is Pass.DEVICE_CODE else "nothing loads it: symbols, debugging data"
        owner = subject.owners.get(edit.path, "")
        yield Saving(done_by, edit.path, owner, size, size - bytes_, reason, proof)
        size -= bytes_


def stubbed(subject: Subject, edit: Stub, after: int, proof: tuple[str, ...]) -> Saving:
    """What a stand-in saves."""
    before = subject.files[edit.path].size
    return Saving(Pass.STUBS, edit.path, subject.owners.get(edit.path, ""), before, after, edit.reason, proof)


def recorded(subject: Subject, path: str, after: int) -> Saving:
    """What a shorter RECORD saves."""
    return Saving(
        Pass.PATHS, path, subject.owners.get(path, ""), subject.files[path].size, after, RECORD_REASON, ("true again",)
    )


def settings(policy: Policy) -> dict[str, object]:
    """What the ledger keeps of a policy, besides profile and GPUs."""
    slim = policy.slim
    return {
        "vendor": slim.vendor,
        "keep-ptx": slim.keep_ptx,
        "stubs": list(slim.stubs),
        "keep": dict(slim.keep),
        "drop": dict(slim.drop),
        "traced": slim.traced is not None,
    }


def ledger(subject: Subject, policy: Policy, savings: tuple[Saving, ...]) -> Ledger:
    """The ledger of these savings; what is left is what was there less what they say."""
    before = total(subject)
    after = before - sum(saving.saved for saving in savings)
    gpus = tuple(gpu.name for gpu in policy.gpus)
    return Ledger(str(policy.slim.profile), gpus, before, after, savings, (), settings(policy))


def _code(edit: Trim) -> str:
    wanted = " and ".join(f"{gpu.name} ({gpu.capability})" for gpu in edit.gpus)
    return f"GPU code that {wanted} does not need" + (", the newest PTX kept" if edit.keep_ptx != "none" else "")
