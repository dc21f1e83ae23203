"""Runs tools. The only place that starts a process."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol

from slimtorch.errors import MachineError, ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

LAST_LINES = 30


@dataclass(frozen=True, slots=True)
class Completed:
    """How a tool ended: its exit status and what it printed."""

    argv: tuple[str, ...]
    status: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.stdout.decode(errors="replace")

    @property
    def last_lines(self) -> str:
        """The last lines of standard error, or of standard output where that is empty."""
        return "\n".join((self.stderr.strip() or self.text.strip()).splitlines()[-LAST_LINES:])

    def check(self, *, hint: str = "") -> Completed:
        """Itself, where the tool succeeded.

        Raises:
            ToolError: the exit status is not 0; the message holds the tool's last lines.
        """
        if self.status != 0:
            message = f"{os.path.basename(self.argv[0])} failed with exit status {self.status}:\n{self.last_lines}"  # noqa: PTH119
            raise ToolError(message, hint=hint, output=self.last_lines)
        return self


class Run(Protocol):
    """Runs a tool to its end. Tests hand in a recording."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bytes | IO[bytes] | None = None,
        cwd: Path | None = None,
        timeout: float | None = None,
    ) -> Completed:
        """How `argv` ended. `env` replaces the environment; `timeout` is in seconds."""
        ...


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: bytes | IO[bytes] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
) -> Completed:
    """How `argv` ended. The tool runs in its own process group, which is ended with it on a time-out.

    Raises:
        MachineError: the program is not on this machine.
        ToolError: it ran past `timeout` seconds.
    """
    with start(argv, env=env, stdin=stdin, cwd=cwd) as process:
        given = stdin if isinstance(stdin, bytes) else None
        try:
            out, err = process.communicate(given, timeout)
        except subprocess.TimeoutExpired:
            end_group(process)
            _, err = process.communicate()
            last = "\n".join(err.decode(errors="replace").splitlines()[-LAST_LINES:])
            raise ToolError(f"{argv[0]} did not end within {timeout:g} s:\n{last}", output=last) from None
        except BaseException:
            end_group(process)
            raise
    return Completed(tuple(argv), process.returncode, out, err.decode(errors="replace"))


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    stdin: bytes | IO[bytes] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """The tool, started with pipes on its outputs; whoever starts it ends it.

    Raises:
        MachineError: the program is not on this machine.
    """
    source = subprocess.PIPE if isinstance(stdin, bytes) else stdin or subprocess.DEVNULL
    try:
        return subprocess.Popen(
            list(argv),
            env=None if env is None else dict(env),
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise MachineError(f"{argv[0]} is not installed on this machine") from None
    except PermissionError as error:
        raise MachineError(f"{argv[0]} cannot be run: {error.strerror}") from None


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that `start` began, with everything it started in its group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def lines(stream: IO[bytes]) -> Iterator[str]:
    """The stream's lines as text, as they come."""
    for line in stream:
        yield line.decode(errors="replace").rstrip("\n")
