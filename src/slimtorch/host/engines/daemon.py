"""docker and podman: engines that keep images. What they prove includes that they take the image as it is."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slimtorch.errors import SlimtorchError
from slimtorch.host.engines.model import Command, Container, Property
from slimtorch.host.engines.trial import reason

if TYPE_CHECKING:
    from slimtorch.host.process import Completed, Run

REFUSED = 125
"""Exit status of ``docker run`` and ``podman run`` when the container could not be made."""
MODEST = ("--runtime", "runc", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
"""For podman where crun does not know the cgroup layout, or where limits must not be raised (no CAP_SYS_RESOURCE)."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """A program with docker's command line. `fallback` are options to try again with when a container is refused."""

    name: str
    question: tuple[str, ...]
    """A command that succeeds only if the engine works."""
    options: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    keeps_images: bool = True
    proves: frozenset[Property] = field(default=frozenset(Property))

    def obstacle(self, run: Run) -> str:
        """Why it cannot be used: what it answers when asked for its state."""
        try:
            return reason(run(self.question, timeout=15))
        except SlimtorchError as error:
            return error.message.splitlines()[0]

    def adapt(self, command: Command, container: Container) -> Command:
        """The command itself."""
        del container
        return command

    def execute(self, container: Container, run: Run, *, stdin: bytes = b"", timeout: float = 60) -> Completed:
        """How the command ended."""
        done = self._once(container, self.options, run, stdin, timeout)
        if done.status >= REFUSED and self.fallback:
            again = self._once(container, (*self.options, *self.fallback), run, stdin, timeout)
            return again if again.status < REFUSED else done
        return done

    def _once(
        self, container: Container, options: tuple[str, ...], run: Run, stdin: bytes, timeout: float
    ) -> Completed:
        name = f"slimtorch-{uuid.uuid4().hex}"
        argv = [self.name, "run", "--rm", "--interactive", "--name", name, *options, *_arguments(container)]
        try:
            return run(argv, stdin=stdin, timeout=timeout)
        except BaseException:
            # Timed out or interrupted: the command line is gone, the container is not, for it belongs to the daemon.
            # Killed before it is removed, because podman would wait ten seconds for it to end by itself.
            for verb in (("kill",), ("rm", "--force")):
                with suppress(SlimtorchError):
                    run([self.name, *verb, name], timeout=30)
            raise


def _arguments(container: Container) -> list[str]:
    program, *rest = container.command.argv
    argv = ["--pull", "never", "--network", "none", "--read-only", "--cap-drop", "ALL"]
    argv += ["--security-opt", "no-new-privileges", "--user", f"{container.uid}:{container.gid}"]
    argv += ["--workdir", container.command.workdir, "--no-healthcheck"]
    for path in container.writable:
        argv += ["--tmpfs", f"{path}:rw,exec,nosuid,nodev,mode=1777"]
    for key, value in container.command.env.items():
        argv += ["--env", f"{key}={value}"]
    return [*argv, "--entrypoint", program, container.image, *rest]


DOCKER = Daemon("docker", ("docker", "version", "--format", "{{.Server.Version}}"))
PODMAN = Daemon("podman", ("podman", "info"), options=("--read-only-tmpfs=false",), fallback=MODEST)
