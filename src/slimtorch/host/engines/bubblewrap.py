"""bubblewrap: namespaces without a daemon, as root or as an ordinary user.

As root no user namespace is made, so that the files keep their owners; bubblewrap cannot change the user then, so the
image's own interpreter does it as the first thing. An ordinary user gets a user namespace with one id.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.host.engines.layout import of_root
from slimtorch.host.engines.model import Command, Container, Property, shown_by_namespaces
from slimtorch.host.engines.trial import trial

if TYPE_CHECKING:
    from slimtorch.host.process import Completed, Run

BECOME = (
    "import os,sys;u,g=int(sys.argv[1]),int(sys.argv[2]);os.setgroups([]);os.setresgid(g,g,g);os.setresuid(u,u,u);"
    "os.execvpe(sys.argv[3],sys.argv[3:],os.environ)"
)

# Not --unshare-all, which would try a user namespace for root too.
NAMESPACES = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")


class Bubblewrap:
    """Runs ``bwrap``."""

    name = "bubblewrap"
    keeps_images = False

    @property
    def proves(self) -> frozenset[Property]:
        """What namespaces show."""
        return shown_by_namespaces()

    def obstacle(self, run: Run) -> str:
        """Why ``bwrap`` cannot be used, found by running ``true`` in it."""
        return trial(self, Path("/"), run)

    def adapt(self, command: Command, container: Container) -> Command:
        """The command itself."""
        del container
        return command

    def execute(self, container: Container, run: Run, *, stdin: bytes = b"", timeout: float = 60) -> Completed:
        """How the command ended."""
        argv = ["bwrap", *_sandbox(container), "--", *_command(container)]
        return run(argv, stdin=stdin, timeout=timeout)


def _sandbox(container: Container) -> list[str]:
    layout = of_root(container.root, container.writable)
    argv = [*NAMESPACES, "--die-with-parent", "--new-session", "--tmpfs", "/"]
    for path, target in layout.links:
        argv += ["--symlink", target, path]
    for path, source, _ in layout.binds:
        argv += ["--ro-bind" if container.sealed else "--bind", source, path]
    argv += ["--proc", "/proc", "--dev", "/dev"]
    for path in container.writable:
        argv += ["--perms", "1777", "--tmpfs", path]
    argv += ["--remount-ro", "/", "--chdir", container.command.workdir, "--clearenv"]
    for key, value in container.command.env.items():
        argv += ["--setenv", key, value]
    if os.geteuid() == 0:
        change = ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"] if container.uid else []
        return [*argv, "--cap-drop", "ALL", *change]
    return [*argv, "--unshare-user", "--uid", str(container.uid), "--gid", str(container.gid)]


def _command(container: Container) -> list[str]:
    argv = list(container.command.argv)
    if os.geteuid() != 0 or container.uid == 0:
        return argv
    become = [container.python, "-I", "-S", "-c", BECOME, str(container.uid), str(container.gid)]
    return [*become, *argv]
