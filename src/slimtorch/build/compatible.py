"""What does not fit together is refused before anything is downloaded; what is only worth knowing becomes a note."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.deps import compatibility
from slimtorch.errors import ConfigError, ResolveError
from slimtorch.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slimtorch.findings import Finding
    from slimtorch.project.declared import Declared
    from slimtorch.project.lock import LockedWheel
    from slimtorch.project.model import Project


def requested(project: Project, declared: Sequence[Declared]) -> tuple[str, ...]:
    """Notes about what is asked for, before it is resolved.

    Raises:
        ConfigError: it cannot be had: a pair that was never built.
    """
    found = compatibility.requested(project.torch, [one.text for one in declared], project.python)
    if wrong := _errors(found):
        raise ConfigError(str(project.config_path), [one.message for one in wrong], hint=_hint(wrong))
    return _notes(found)


def checked(wheels: Sequence[LockedWheel], project: Project) -> tuple[str, ...]:
    """Notes about the wheels of one platform.

    Raises:
        ResolveError: they cannot work together; all reasons are told.
    """
    found = compatibility.check(wheels, project.torch, project.python)
    if wrong := _errors(found):
        lines = "\n".join(f"  {one.message}" for one in wrong)
        raise ResolveError(f"the wheels that resolve do not fit together:\n{lines}", hint=_hint(wrong))
    return _notes(found)


def _errors(found: Sequence[Finding]) -> list[Finding]:
    return [one for one in found if one.severity is Severity.ERROR]


def _notes(found: Sequence[Finding]) -> tuple[str, ...]:
    return tuple(one.message for one in found if one.severity is not Severity.ERROR)


def _hint(wrong: Sequence[Finding]) -> str:
    return "; ".join(dict.fromkeys(one.hint for one in wrong if one.hint))
