"""What can go wrong, as one tree.

::

    SlimtorchError              message + hint; the command line prints both and exits with 2
    ├── ConfigError             slimtorch.toml / pyproject.toml: every problem found, with its key
    ├── UsageError              a reference or option that cannot be understood
    ├── LockError               slimtorch.lock is missing, stale or damaged
    ├── ResolveError            no set of packages satisfies what was asked for
    ├── FetchError              a download failed; the address is redacted
    ├── ToolError               a tool that we run (uv, apt-get, docker …) failed; its last lines are kept
    ├── ArchiveError            a wheel, deb, tar or layer is damaged or hostile
    ├── VerificationError       bytes are not the ones that were promised (digest, size)
    ├── ImageError              an image is missing, incomplete or breaks the OCI image-spec
    ├── ElfError                a library's headers, relocations or device code lie
    ├── ProofError              something that was made is not what it has to be; nothing was written (exit code 1)
    └── MachineError            this machine lacks something: apt, an engine, space on the disk

A judgement about an image is never an exception: it is a `slimtorch.findings.Finding`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class SlimtorchError(Exception):
    """Something the user can act on: what happened, and the way out."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(SlimtorchError):
    """The project's configuration has problems; all of them are listed, one a line."""

    def __init__(self, path: str, problems: Sequence[str], *, hint: str = "") -> None:
        self.path = path
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in problems)
        single = f"{path}: {problems[0]}" if len(problems) == 1 else f"{path} has {len(problems)} problems:\n{lines}"
        super().__init__(single, hint=hint)


class UsageError(SlimtorchError):
    """A reference or option cannot be understood."""


class LockError(SlimtorchError):
    """The lock file is missing, stale or damaged."""


class ResolveError(SlimtorchError):
    """No set of packages satisfies the requirements."""


class FetchError(SlimtorchError):
    """A download failed. `temporary` tells whether another try may succeed."""

    def __init__(self, message: str, *, hint: str = "", temporary: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.temporary = temporary


class ToolError(SlimtorchError):
    """A tool failed; `output` holds the last lines it printed."""

    def __init__(self, message: str, *, hint: str = "", output: str = "") -> None:
        super().__init__(message, hint=hint)
        self.output = output


class ArchiveError(SlimtorchError):
    """A wheel, deb, tar or layer is damaged or hostile."""


class VerificationError(SlimtorchError):
    """Bytes are not the ones that were promised."""


class ImageError(SlimtorchError):
    """An image is missing, incomplete or breaks the OCI image-spec."""


class ElfError(SlimtorchError):
    """A library is damaged: its headers, relocations or device code do not fit the file or each other."""


class ProofError(SlimtorchError):
    """A proof failed; nothing was written. `failures` are (pass, path, what was found)."""

    def __init__(self, message: str, failures: Sequence[tuple[str, str, str]], *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.failures = tuple(failures)


class MachineError(SlimtorchError):
    """This machine lacks something that the work needs."""
