"""Plain namespaces by system calls: works where neither a container runtime nor bubblewrap is installed."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.host.engines.layout import of_root
from slimtorch.host.engines.model import Command, Container, Property, shown_by_namespaces
from slimtorch.host.engines.trial import trial

if TYPE_CHECKING:
    from slimtorch.host.process import Completed, Run

SCRIPT = Path(__file__).with_name("namespaces.py")


class Unshare:
    """Runs `namespaces` with this machine's Python."""

    name = "unshare"
    keeps_images = False

    @property
    def proves(self) -> frozenset[Property]:
        """What namespaces show."""
        return shown_by_namespaces()

    def obstacle(self, run: Run) -> str:
        """Why this kernel does not let this user make namespaces, found by making them."""
        return trial(self, Path("/"), run)

    def adapt(self, command: Command, container: Container) -> Command:
        """The command itself."""
        del container
        return command

    def execute(self, container: Container, run: Run, *, stdin: bytes = b"", timeout: float = 60) -> Completed:
        """How the command ended."""
        layout = of_root(container.root, container.writable)
        job = {
            "links": layout.links,
            "binds": layout.binds,
            "writable": container.writable,
            "sealed": container.sealed,
            "uid": container.uid,
            "gid": container.gid,
            "workdir": container.command.workdir,
            "env": dict(container.command.env),
            "argv": container.command.argv,
            "parent": os.getpid(),
        }
        with tempfile.TemporaryDirectory(prefix="slimtorch-root-") as place:
            argv = [sys.executable, "-I", "-S", str(SCRIPT), json.dumps({**job, "place": place})]
            return run(argv, stdin=stdin, timeout=timeout)
