"""The image's interpreter as a function from arguments and standard input to standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from slimtorch.errors import MachineError, SlimtorchError
from slimtorch.host.engines.bubblewrap import Bubblewrap
from slimtorch.host.engines.loader import Loader
from slimtorch.host.engines.model import Command, Container
from slimtorch.host.engines.trial import reason
from slimtorch.host.engines.unshare import Unshare

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from slimtorch.host.engines.model import Engine
    from slimtorch.host.process import Completed, Run

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "TZ": "UTC"}  # noqa: S108


class Interpreter(Protocol):
    """Runs the image's Python. May be called from several threads."""

    def __call__(self, args: Sequence[str], stdin: bytes = b"", *, timeout: float = 600) -> Completed:
        """How the interpreter ended with these arguments. `timeout` is in seconds."""
        ...


def interpreter(root: Path, python: str, run: Run) -> Interpreter:
    """The interpreter `python` (a path in the image) of the root file system at `root`, in the first engine that works.

    The root is read-only, /tmp is fresh, there is no network, and the environment is always the same.

    Raises:
        MachineError: it cannot be started here; the message says what each engine answered.
    """
    reasons = []
    engines: tuple[Engine, ...] = (Bubblewrap(), Unshare(), Loader())
    for engine in engines:
        call = _in(engine, root, python, run)
        try:
            why = reason(call(["-I", "-S", "-c", ""], timeout=10))
        except SlimtorchError as error:
            why = error.message.splitlines()[0]
        if not why:
            return call
        reasons.append(f"  {engine.name}: {why}")
    listed = "\n".join(reasons)
    raise MachineError(
        f"the image's interpreter {python} cannot be started on this machine:\n{listed}",
        hint="install bubblewrap (apt-get install bubblewrap), or build for this machine's own processor",
    )


def _in(engine: Engine, root: Path, python: str, run: Run) -> Interpreter:
    def call(args: Sequence[str], stdin: bytes = b"", *, timeout: float = 600) -> Completed:
        command = Command((python, *args), ENVIRONMENT)
        # As the image's root: what is compiled may be readable by root only; the sandbox has no capabilities.
        container = Container(command, root, python, uid=0, gid=0)
        return engine.execute(container, run, stdin=stdin, timeout=timeout)

    return call
