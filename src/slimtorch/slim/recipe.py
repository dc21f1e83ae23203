"""Which passes run, in which order, and what becomes of a path that several of them would change."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from slimtorch.image.tree import Kind
from slimtorch.project.model import Profile
from slimtorch.slim.model import Drop, Note, Pass, Proposal, Stub, Trim
from slimtorch.slim.passes import device_code, packages, paths, stubs, symbols, traced
from slimtorch.slim.passes.installed import chosen
from slimtorch.slim.subject import without

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from slimtorch.slim.model import Edit, Policy, Subject


def propose(subject: Subject, policy: Policy) -> Proposal:
    """What all passes together would do: at most one edit a path, by path.

    A file that goes is not changed, and one that is replaced is not trimmed; what is to be trimmed for two reasons is
    written once. A symbolic link that would lead nowhere goes with its file. No file that a keep rule names is touched.
    With the profile ``none`` only what the user drops goes.
    """
    edits: dict[str, Edit] = {}
    notes: list[Note] = []
    for proposed in _proposed(subject, policy):
        if isinstance(proposed, Note):
            notes.append(proposed)
        else:
            known = edits.get(proposed.path)
            edits[proposed.path] = _stronger(known, proposed) if known else proposed
    notes += _keep(edits, subject, policy.slim.keep)
    for path in [path for path, edit in edits.items() if path in subject.links and not isinstance(edit, Drop)]:
        # All names of a file are written anew with the first one.
        del edits[path]
    for drop in _loose_links(subject, edits):
        edits[drop.path] = drop
    return Proposal(tuple(edits[path] for path in sorted(edits)), tuple(dict.fromkeys(notes)))


def _proposed(subject: Subject, policy: Policy) -> Iterator[Edit | Note]:
    yield from _gone(subject, policy)
    if policy.slim.profile is Profile.NONE:
        return
    yield from symbols.propose(subject, policy)
    yield from device_code.propose(subject, policy)
    if policy.slim.stubs:
        yield from stubs.propose(subject, policy)


def _gone(subject: Subject, policy: Policy) -> Iterator[Drop | Note]:
    """What goes as a whole, looked at again until nothing more is found, because a second run would find it.

    What only something that goes has used is used by nobody any more. A remark holds that is made each time.
    """
    left = subject
    notes: dict[Note, None] | None = None
    while True:
        whole = [*_packages(left, policy)]
        without_packages = without(left, {one.path for one in whole if isinstance(one, Drop)})
        found = [*whole, *paths.propose(without_packages, policy)]
        fresh = [one for one in found if isinstance(one, Drop)]
        made = [one for one in found if isinstance(one, Note)]
        notes = dict.fromkeys(one for one in made if notes is None or one in notes)
        yield from fresh
        if not fresh:
            yield from notes
            return
        left = without(left, {one.path for one in fresh})


def _packages(subject: Subject, policy: Policy) -> Iterator[Drop | Note]:
    """Nothing for the profile ``none``, which takes out what the user drops, and no more."""
    if policy.slim.profile is Profile.NONE:
        return
    kept = chosen(policy.slim.keep, subject.sites)
    if policy.slim.profile is Profile.INFERENCE:
        yield from (one for one in packages.propose(subject, policy) if kept(one.path) is None)
    if policy.slim.traced:
        yield from (one for one in traced.propose(subject, policy) if kept(one.path) is None)


def _stronger(one: Edit, other: Edit) -> Edit:
    for kind in (Drop, Stub):
        for edit in (one, other):
            if isinstance(edit, kind):
                return edit
    return merged(one, other) if isinstance(one, Trim) and isinstance(other, Trim) else one


def merged(one: Trim, other: Trim) -> Trim:
    """Both edits of one file as one."""
    code = one if one.gpus else other
    return Trim(one.path, one.bare or other.bare, code.gpus, code.keep_ptx)


def _keep(edits: dict[str, Edit], subject: Subject, keep: Mapping[str, str]) -> Iterator[Note]:
    """Takes out the edits of files that the user keeps, and says so; remarks patterns that match nothing."""
    reason_of = chosen(keep, subject.sites)
    for path in list(edits):
        if (reason := reason_of(path)) is not None:
            del edits[path]
            yield Note(path, f"kept: {reason}")
    for pattern, reason in keep.items():
        fits = chosen({pattern: reason}, subject.sites)
        if not any(fits(path) for path, node in subject.files.items() if node.kind is not Kind.DIRECTORY):
            yield Note("", f"`keep` has the pattern {pattern!r}, which matches nothing")


def _loose_links(subject: Subject, edits: Mapping[str, Edit]) -> Iterator[Drop]:
    """Symbolic links whose file, or all of whose folder, goes; each for the reason that its file goes."""
    links = [path for path, node in subject.files.items() if node.kind is Kind.SYMLINK and path not in edits]
    for path in links:
        real = subject.files.real(path)
        edit = _going(real, subject, edits) if real else None
        if isinstance(edit, Drop):
            yield Drop(path, edit.done_by, f"leads to {posixpath.basename(real or '')}, which goes", edit.rule)


def _going(real: str, subject: Subject, edits: Mapping[str, Edit]) -> Edit | None:
    if subject.files[real].kind is not Kind.DIRECTORY:
        return edits.get(real)
    below = [path for path, node in subject.files.items() if path.startswith(f"{real}/") and node.kind is Kind.FILE]
    gone = [edits.get(path) for path in below]
    return gone[0] if gone and all(isinstance(edit, Drop) for edit in gone) else None


def used(proposal: Proposal) -> tuple[Pass, ...]:
    """The passes that would change something, in their order."""
    found: set[Pass] = set()
    for edit in proposal.edits:
        found |= set(passes_of(edit))
    return tuple(one for one in Pass if one in found)


def passes_of(edit: Edit) -> tuple[Pass, ...]:
    """The passes that an edit comes from, in their order."""
    if isinstance(edit, Drop):
        return (edit.done_by,)
    if isinstance(edit, Stub):
        return (Pass.STUBS,)
    return (*((Pass.SYMBOLS,) if edit.bare else ()), *((Pass.DEVICE_CODE,) if edit.gpus else ()))
