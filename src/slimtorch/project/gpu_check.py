"""What an image's start command and health check are told of the GPUs that its code was kept for. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from slimtorch.tables import gpus as table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slimtorch.tables.gpus import Gpu

START = PurePosixPath("/usr/lib/slimtorch/start.py")
"""Where `probe/in_image/gpu_check.py` stands in an image."""


def arguments(gpus: Sequence[Gpu], *, keep_ptx: str = "none", newest: str = "") -> tuple[str, ...]:
    """The options of both scripts; none without GPUs, when all code was kept.

    `newest` is the highest architecture of PTX that is left (``9.0``), where `keep_ptx` is "newest" and it is known.
    """
    found: list[str] = []
    for gpu in gpus:
        found += ["--exact" if gpu.tegra else "--gpu", f"{gpu.capability}={gpu.name}"]
    if gpus:
        majors = {gpu.capability.partition(".")[0] for gpu in gpus if not gpu.tegra}
        jetson = {gpu.capability for gpu in table.gpus().values() if gpu.tegra}
        # Compiled code for other processors does not run on Jetson, although the numbers look like it.
        found += [word for text in sorted(jetson) if text.partition(".")[0] in majors for word in ("--not", text)]
    if gpus and keep_ptx == "newest":
        found += ["--ptx", newest or max((gpu.capability for gpu in gpus), key=_number)]
    return tuple(found)


def entrypoint(python: str, given: Sequence[str]) -> tuple[str, ...]:
    """What stands before the image's own command; nothing where there is nothing to check. `given` are `arguments`."""
    return (python, "-I", "-S", str(START), *given, "--") if given else ()


def _number(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor)
