"""Files that no use of the installed code needs: tests, headers, static libraries, type stubs and the like.

The rules are data (`tables/slim_paths.json`); what they say is looked up in the tree at hand before a file goes. Files
that no distribution lists are never touched, but for bytecode whose source goes, and what the user drops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.image.tree import Kind
from slimtorch.project.model import Profile
from slimtorch.slim.model import Drop, Note, Pass
from slimtorch.slim.passes import evidence, test_folders
from slimtorch.slim.passes.evidence import STUB_READER
from slimtorch.slim.passes.installed import chosen
from slimtorch.slim.passes.libraries import unloaded
from slimtorch.sources.patterns import matcher
from slimtorch.tables.slim_paths import path_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
    from typing import TypeAlias

    from slimtorch.slim.model import Policy, Subject
    from slimtorch.slim.passes.evidence import Evidence
    from slimtorch.slim.passes.installed import Installed, Item
    from slimtorch.slim.passes.libraries import Candidate
    from slimtorch.slim.passes.python import Source
    from slimtorch.tables.slim_paths import PathRule

    Wanted: TypeAlias = Callable[[str], str | None]
    """From a path to the user's reason to keep it; None where there is none."""


def propose(subject: Subject, policy: Policy) -> Iterator[Drop | Note]:
    """A `Drop` for each file that a rule or the user says goes and nobody keeps; a `Note` for rules that do not apply.

    With the profile ``none`` only what the user drops goes.
    """
    here = evidence.of(subject)
    wanted = chosen(policy.slim.keep, subject.sites)
    going: dict[str, Drop] = {}
    if policy.slim.profile is not Profile.NONE:
        yield from _ruled(subject, here, wanted, going)
    yield from _wished(subject, policy.slim.drop, going)
    yield from finished(going, here.installed, wanted)


def _ruled(subject: Subject, here: Evidence, wanted: Wanted, going: dict[str, Drop]) -> Iterator[Note]:
    """Adds what the rules say; remarks those that do not apply.

    What goes by one rule imports and names nothing for the next, so that a second run finds nothing more.
    """
    spared = matcher(path_rules().kept)
    free: frozenset[str] | None = None
    for rule in sorted(path_rules().rules, key=lambda rule: rule.check == "unloaded"):
        living = {path: source for path, source in here.sources.items() if path not in going}
        if rule.check == "unloaded":
            free = _free(subject, here, living.values(), going) if free is None else free
            found = [here.installed.items[one.path] for one in here.candidates[rule.id] if one.path in free]
        else:
            found = _found(rule, here, living)
        items = [item for item in found if item.path not in going and (rule.distributions or not spared(item.name))]
        against = here.conditions.against(rule.unless) or kept_whole(rule.distributions, items, wanted)
        if items and against:
            yield Note("", f"{counted(items, subject)} of the rule {rule.id} stay: {against}")
        elif items:
            drops = [Drop(item.path, Pass.PATHS, rule.reason, rule.id) for item in items if wanted(item.path) is None]
            going |= {drop.path: drop for drop in drops}


def kept_whole(distributions: Iterable[str], items: Iterable[Item], wanted: Wanted) -> str:
    """The user's reason to keep one of the files of these distributions: half of one is of no use."""
    if not distributions:
        return ""
    return next((f"kept: {reason}" for item in items if (reason := wanted(item.path)) is not None), "")


def finished(going: Mapping[str, Drop], installed: Installed, wanted: Wanted) -> Iterator[Drop]:
    """What really goes: without what the user keeps, and with the bytecode of each source that goes."""
    taken = {path: drop for path, drop in going.items() if wanted(path) is None}
    yield from taken.values()
    for path, drop in taken.items():
        for compiled in installed.bytecode.get(path, ()):
            if compiled not in taken and wanted(compiled) is None:
                yield Drop(compiled, drop.done_by, f"bytecode of a source that goes: {drop.reason}", drop.rule)


def _found(rule: PathRule, here: Evidence, living: Mapping[str, Source]) -> list[Item]:
    """The files that the rule is about in this tree, what it asks for looked up in the sources that stay."""
    if rule.check == "unimported":
        return _unimported(rule, here, living.values())
    items = here.installed.matching(rule.patterns, rule.exceptions)
    if rule.check == "stubs":
        readers = {source.owner for source in living.values() if STUB_READER in source.words}
        return [item for item in items if item.owner not in readers]
    return list(test_folders.unused(items, living) if rule.check == "tests" else items)


def _free(subject: Subject, here: Evidence, living: Collection[Source], gone: Container[str]) -> frozenset[str]:
    """What nothing loads of all that the rules ask about; rules that do not apply count as loading theirs."""
    asked: list[Candidate] = []
    named: dict[str, frozenset[str]] = {}
    for rule in path_rules().rules:
        if rule.check != "unloaded" or here.conditions.against(rule.unless):
            continue
        ignored = matcher(rule.ignore)
        counting = (source for source in living if not (source.name and ignored(source.name)))
        words = frozenset(word for source in counting for word in source.words)
        asked += here.candidates[rule.id]
        named |= {one.path: words for one in here.candidates[rule.id]}
    return unloaded(subject, asked, named, gone)


def _unimported(rule: PathRule, here: Evidence, living: Iterable[Source]) -> list[Item]:
    """All files of the distributions, unless a source of another imports one of their modules."""
    items = [item for item in here.installed.items.values() if item.owner in rule.distributions]
    ignored = matcher(rule.ignore)
    for source in living:
        if source.owner in rule.distributions or (source.name and ignored(source.name)):
            continue
        if any(name.partition(".")[0] in rule.modules for name in source.imports):
            return []
    return items


def _wished(subject: Subject, drop: Mapping[str, str], going: dict[str, Drop]) -> Iterator[Note]:
    """Adds what the user drops; remarks patterns that match nothing."""
    for pattern, reason in drop.items():
        fits = chosen({pattern: reason}, subject.sites)
        found = [path for path in subject.files if subject.files[path].kind is not Kind.DIRECTORY and fits(path)]
        if not found:
            yield Note("", f"`drop` has the pattern {pattern!r}, which matches nothing")
        for path in found:
            going.setdefault(path, Drop(path, Pass.PATHS, reason))


def counted(items: Iterable[Item], subject: Subject) -> str:
    """How many files, and how large they are together, in words."""
    sizes = [subject.files[item.path].size for item in items]
    files = "file" if len(sizes) == 1 else "files"
    return f"{len(sizes)} {files} ({sum(sizes) / 1e6:.1f} MB)"
