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
