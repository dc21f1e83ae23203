"""Judgements: everything that is judged becomes a `Finding`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How bad a finding is; larger is worse, so that thresholds compare."""

    INFO = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class Location:
    """Where a finding points: a file (in the image or the project) and a line from 1, or 0 for the whole file."""

    path: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement: the rule that made it, how bad it is, what was seen and what to do."""

    rule: str
    severity: Severity
    message: str
    hint: str = ""
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its id, how bad it is to break it, what it asks for, why, and the way out."""

    id: str
    severity: Severity
    what: str
    why: str
    fix: str

    def finding(self, message: str, path: str = "", severity: Severity | None = None) -> Finding:
        """A finding of this rule; `path` is a path in the image."""
        location = Location(f"/{path.lstrip('/')}") if path else None
        return self.at(message, location, severity)

    def at(self, message: str, location: Location | None = None, severity: Severity | None = None) -> Finding:
        """A finding of this rule at a place of the project."""
        return Finding(self.id, self.severity if severity is None else severity, message, self.fix, location)
