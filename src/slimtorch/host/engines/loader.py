"""The image's own loader and interpreter, started on this machine: no isolation, and so no proof of any.

The last resort. Paths are rewritten as well as one can: programs, the working directory and environment variables that
name something in the image point below its root; writable folders become temporary ones. A program that has absolute
paths built in sees this machine's files.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.errors import ToolError
from slimtorch.host.engines.model import Command, Container, Property
from slimtorch.host.engines.rooted import absolute, inside, library_path, loader_of, program

if TYPE_CHECKING:
    from slimtorch.host.process import Completed, Run


class Loader:
    """Runs ``ld-linux`` of the image."""

    name = "loader"
    keeps_images = False

    @property
    def proves(self) -> frozenset[Property]:
        """Nothing beyond that the program ran."""
        return frozenset()

    def obstacle(self, run: Run) -> str:
        """Always usable; whether the image's loader fits this machine shows when it runs."""
        del run
        return ""

    def adapt(self, command: Command, container: Container) -> Command:
        """`command` with every path below the image's root.

        Raises:
            ToolError: the program is not in the image.
        """
        root, search = container.root, command.env.get("PATH", "/usr/bin:/bin")
        argv = program(root, command.argv, search, command.workdir)
        if not argv:
            raise ToolError(f"{command.argv[0]} is not in the image")
        rest = [str(absolute(root, word)) if word.startswith("/") and inside(root, word) else word for word in argv[1:]]
        loaded = [str(loader_of(root)), "--library-path", library_path(root), argv[0], *rest]
        return Command(tuple(loaded), _environment(command, container), str(absolute(root, command.workdir)))

    def execute(self, container: Container, run: Run, *, stdin: bytes = b"", timeout: float = 60) -> Completed:
        """How the command ended."""
        adapted = self.adapt(container.command, container)
        with tempfile.TemporaryDirectory(prefix="slimtorch-loader-") as scratch:
            env = {key: value.replace(SCRATCH, scratch) for key, value in adapted.env.items()}
            for path in container.writable:
                Path(scratch + path).mkdir(parents=True, exist_ok=True)
            return run(adapted.argv, env=env, stdin=stdin, cwd=Path(adapted.workdir), timeout=timeout)


SCRATCH = "@scratch@"


def _environment(command: Command, container: Container) -> dict[str, str]:
    env = {key: _rewritten(value, container) for key, value in command.env.items()}
    root = container.root
    env["PYTHONHOME"] = str(root / "usr")
    packages = [str(path) for path in sorted(root.glob("opt/venv/lib/python3*/site-packages"))]
    env["PYTHONPATH"] = os.pathsep.join([*filter(None, [env.get("PYTHONPATH", "")]), *packages])
    env["TMPDIR"] = f"{SCRATCH}/tmp"  # noqa: S108  (below a private folder)
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    return env


def _rewritten(value: str, container: Container) -> str:
    return os.pathsep.join(_path(part, container) for part in value.split(os.pathsep))


def _path(text: str, container: Container) -> str:
    if not text.startswith("/"):
        return text
    if any(text == path or text.startswith(f"{path}/") for path in container.writable):
        return SCRATCH + text
    return str(absolute(container.root, text)) if inside(container.root, text) else text
