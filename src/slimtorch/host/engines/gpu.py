"""Containers that see this machine's GPUs: docker by its hook or by CDI, podman by CDI.

The other engines make their own root and /dev, and carry no driver into it.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.errors import MachineError, SlimtorchError
from slimtorch.host.engines.trial import reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slimtorch.host.process import Completed, Run

DEVICES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg")
"""What NVIDIA's driver makes; the last one in WSL."""
HINT = "run it on a machine with the GPU and the NVIDIA container toolkit, or run bench/gpu_parity there by itself"
_CDI = ("--device", "nvidia.com/gpu=all")


@dataclass(frozen=True, slots=True)
class GpuEngine:
    """An engine and the options with which it hands over every GPU."""

    name: str
    options: tuple[str, ...]

    def execute(self, image: str, argv: Sequence[str], run: Run, *, stdin: bytes, timeout: float) -> Completed:
        """How `argv` ended in a container of the loaded `image`, without network; `timeout` is in seconds.

        Raises:
            ToolError: it ran past `timeout`; it was stopped.
            MachineError: the engine is not there.
        """
        name = f"slimtorch-{uuid.uuid4().hex}"
        container = ["--rm", "--interactive", "--name", name, "--pull", "never", "--network", "none"]
        limits = ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--shm-size", "1g", "--no-healthcheck"]
        program, *rest = argv
        words = [self.name, "run", *container, *limits, *self.options, "--entrypoint", program, image, *rest]
        try:
            return run(words, stdin=stdin, timeout=timeout)
        except BaseException:
            # The container belongs to the daemon and does not end with its command line.
            with suppress(SlimtorchError):
                run([self.name, "rm", "--force", name], timeout=30)
            raise


WAYS = (GpuEngine("docker", ("--gpus", "all")), GpuEngine("docker", _CDI), GpuEngine("podman", _CDI))


def require(devices: Sequence[str] = DEVICES) -> None:
    """Nothing, where this machine has an NVIDIA driver.

    Raises:
        MachineError: it has none.
    """
    if not any(Path(device).exists() for device in devices):
        raise MachineError("this machine has no NVIDIA GPU, or no driver for it", hint=HINT)


def first(run: Run, engine: str = "") -> tuple[str, ...]:
    """The names of the engines whose daemon answers, best first; only `engine`, where one is named.

    Raises:
        MachineError: none does; the message says what each answered.
    """
    found, reasons = [], []
    for name, question in (("docker", ("docker", "version")), ("podman", ("podman", "info"))):
        if engine not in {"", name}:
            continue
        try:
            why = reason(run(question, timeout=15))
        except SlimtorchError as error:
            why = error.message.splitlines()[0]
        found += [] if why else [name]
        reasons += [f"{name}: {why}"] if why else []
    if not found:
        said = "; ".join(reasons) or f"{engine} cannot hand over a GPU"
        raise MachineError(
            f"GPUs are handed to containers by docker or podman, and neither can be used: {said}", hint=HINT
        )
    return tuple(found)
