"""What is to be slimmed of a build, and what decides it. Light: an unchanged build reads no more than this."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from slimtorch import tables
from slimtorch.build import service_code
from slimtorch.image import digest as digests
from slimtorch.inventory import compilers
from slimtorch.project.model import Profile

if TYPE_CHECKING:
    from collections.abc import Callable

    from slimtorch.image.digest import Digest
    from slimtorch.inventory.code.model import Code
    from slimtorch.project.model import Project
    from slimtorch.project.plan import Plan
    from slimtorch.slim.model import Policy

TABLES = ("compilers", "gpus", "slim_packages", "slim_paths", "stubs", "traced", "vendor")
"""The tables that decide what goes."""
FORMAT = 1
"""Changes when slimming the same tree by the same policy would give something else."""


@dataclass(frozen=True)
class Slimming:
    """What is to be done to a build's stack; with `fallback` a stack whose proof fails stays as it is.

    `code` reads the service's own code, which is only asked for where the policy depends on it.
    """

    project: Project
    policy: Policy
    code: Callable[[], Code]
    fallback: bool = False

    @property
    def on(self) -> bool:
        """Whether anything may be done at all."""
        return self.policy.slim.profile is not Profile.NONE or bool(self.policy.slim.drop)

    @property
    def by_service(self) -> bool:
        """Whether it depends on what the service imports, so that the service itself is started for the proof."""
        return self.policy.slim.profile is Profile.INFERENCE or self.policy.slim.traced is not None

    def compiles(self, plan: Plan) -> frozenset[str]:
        """The tools that the service compiles with while it runs."""
        wheels = plan.pinned.wheels
        if not compilers.may_compile({wheel.name for wheel in wheels}):
            return frozenset()
        return service_code.compiles(self.code(), wheels)

    def identity(self, plan: Plan) -> Digest:
        """Names everything that decides what becomes of a plan's stack."""
        if not self.on:
            return digests.of_json([])
        slim = self.policy.slim
        traced = digests.of_bytes(slim.traced.read_bytes()) if slim.traced else ""
        policy = [str(slim.profile), slim.vendor, slim.keep_ptx, slim.stubs, dict(slim.keep), dict(slim.drop), traced]
        gpus = [[gpu.name, gpu.capability] for gpu in self.policy.gpus]
        used = service_code.used(self.code()) if self.by_service else []
        script = digests.of_bytes(check_script())
        return digests.of_json(
            [FORMAT, policy, gpus, sorted(self.compiles(plan)), used, tables.digest(*TABLES), script]
        )


def check_script() -> bytes:
    """The start command of an image whose GPU code was pruned."""
    return files("slimtorch.probe.in_image").joinpath("gpu_check.py").read_bytes()
