"""Everything that the passes over paths and packages look up in a subject, gathered once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from slimtorch.slim.passes import conditions, installed, libraries, python
from slimtorch.tables.slim_packages import package_rules
from slimtorch.tables.slim_paths import path_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.slim.model import Subject
    from slimtorch.slim.passes.conditions import Conditions
    from slimtorch.slim.passes.installed import Installed
    from slimtorch.slim.passes.libraries import Candidate
    from slimtorch.slim.passes.python import Source


STUB_READER = "attach_stub"
"""Packages that load their parts late through `lazy_loader` read their own type stubs with this function."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """`candidates` are the files that rules on loading ask about, by the rule's id."""

    installed: Installed
    conditions: Conditions
    candidates: Mapping[str, tuple[Candidate, ...]]
    sources: Mapping[str, Source]


class _Same:
    """A subject, told from others by its identity."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    def __hash__(self) -> int:
        return id(self.subject)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.subject is self.subject


def of(subject: Subject) -> Evidence:
    """The evidence. Passes ask for it one after the other, so that of the last subject is kept."""
    return _gathered(_Same(subject))


@lru_cache(maxsize=1)
def _gathered(same: _Same) -> Evidence:
    subject = same.subject
    here = installed.of(subject)
    candidates = {
        rule.id: tuple(
            libraries.candidate(item.path, subject.binaries.get(item.path), exact=rule.exact)
            for item in here.matching(rule.patterns, rule.exceptions)
        )
        for rule in path_rules().rules
        if rule.check == "unloaded"
    }
    words = {STUB_READER} | {word for rule in package_rules().rules for word in rule.words}
    words |= {name for found in candidates.values() for one in found for name in one.names}
    return Evidence(here, conditions.of(subject, here), candidates, python.sources(subject, words))
