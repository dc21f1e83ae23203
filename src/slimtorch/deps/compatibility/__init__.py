"""What goes together, judged before anything is downloaded; pure.

`requested` judges what the user asks for, before it is resolved; `check` judges the set of wheels that was locked for
one platform. What the tables do not hold is unknown, and the unknown is never an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.deps.compatibility import packages as compatibility_set
from slimtorch.deps.compatibility import request as compatibility_request
from slimtorch.deps.compatibility import torch as compatibility_torch
from slimtorch.tables.cuda import driver
from slimtorch.tables.gpus import covered, covers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slimtorch.findings import Finding
    from slimtorch.project.lock import LockedWheel
    from slimtorch.project.model import Torch

__all__ = ["check", "covered", "covers", "driver", "requested"]


def requested(torch: Torch, lines: Sequence[str], python: str) -> tuple[Finding, ...]:
    """What cannot be, or is likely not to be: the project's ``[torch]``, its requirements (PEP 508), its Python."""
    return compatibility_request.judge(torch, lines, python)


def check(wheels: Sequence[LockedWheel], torch: Torch, python: str) -> tuple[Finding, ...]:
    """What in the wheels locked for one platform does not go together; the worst first."""
    found = [*compatibility_torch.judge(wheels, torch, python), *compatibility_set.judge(wheels)]
    return tuple(sorted(found, key=lambda finding: (-finding.severity, finding.rule)))
