"""Trying an engine: the only way to know whether this kernel, this user and this policy let it work."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from slimtorch.errors import SlimtorchError
from slimtorch.host.engines.model import Command, Container

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.host.engines.model import Engine
    from slimtorch.host.process import Completed, Run

SECONDS = 10.0


def trial(engine: Engine, root: Path, run: Run, argv: tuple[str, ...] = ("true",)) -> str:
    """Why `engine` cannot run `argv` (``true``) on `root`; an empty string when it can."""
    command = Command(argv, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    container = Container(command, root, "", uid=os.geteuid(), gid=os.getegid(), writable=())
    try:
        done = engine.execute(container, run, timeout=SECONDS)
    except SlimtorchError as error:
        return error.message.splitlines()[0]
    return reason(done)


def reason(done: Completed) -> str:
    """The last line that a failed run printed; an empty string for one that succeeded."""
    if done.status == 0:
        return ""
    lines = [line.strip() for line in done.last_lines.splitlines() if line.strip()]
    return lines[-1] if lines else f"it ended with exit status {done.status}"
