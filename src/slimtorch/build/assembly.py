"""Pinned files → the one tree of an image, with every entry owned and bytecode for every module."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from slimtorch import tables
from slimtorch.build import bases, fetching, interpreters
from slimtorch.build.bytecode import compile_tree
from slimtorch.build.fetching import request
from slimtorch.build.native import Materials
from slimtorch.build.rootfs import OWNER, generated, health_script
from slimtorch.image import digest as digests
from slimtorch.image.tree import FileTree, merge, with_parents
from slimtorch.project.plan import plan as make_plan
from slimtorch.sources import app, deb_tree, os_files, record, wheels
from slimtorch.sources.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from slimtorch.build.bytecode import Compiler
    from slimtorch.build.slim_stack import Slimmed
    from slimtorch.build.slimming import Slimming
    from slimtorch.host.machine import Machine
    from slimtorch.image.model import Image
    from slimtorch.project.lock import Lock
    from slimtorch.project.model import Project
    from slimtorch.project.plan import Plan
    from slimtorch.sources.indexes import Indexes

TABLES = ("maintainer_scripts", "os_packages", "python_modules", "suites")
"""The tables that decide what becomes of a package's files."""


def materials(assembly: Assembly) -> Materials:
    """What the plan is built from; nothing is downloaded or unpacked that the cache makes unnecessary."""
    service, weights = assembly.service
    attempt = "original where a proof fails" if assembly.slimming.fallback else ""
    return Materials(
        lambda: assembly.stack,
        assembly.with_bytecode(service),
        weights,
        assembly.identity,
        assembly.base,
        attempt,
    )


@dataclass(frozen=True)
class Assembly:
    """The parts of one image's tree, each made when it is first asked for.

    `room` gives an empty folder that is there until the image is written.
    """

    project: Project
    lock: Lock
    plan: Plan
    indexes: Indexes
    machine: Machine
    slimming: Slimming
    room: Callable[[], Path]

    @property
    def identity(self) -> str:
        """Names what decides the tree beside the plan: slimtorch's own data, and whether bytecode can be made."""
        slim = self.slimming.identity(self.plan)
        script = digests.of_bytes(health_script())
        return digests.of_json([tables.digest(*TABLES), script, self.compiler is not None, slim])

    @cached_property
    def stack(self) -> Slimmed:
        """Everything below the service's own files: the system, the wheels, their bytecode, the generated list.

        It is slimmed first, so that no bytecode is made of what goes.
        """
        layout = Layout(self.plan.python)
        tags = request(self.project, self.plan.platform, self.indexes, self.plan.pinned.base).target.tags()
        installed = [wheels.tree(self.blobs[wheel.owner], wheel, layout, tags) for wheel in self.plan.pinned.wheels]
        whole = with_parents(merge(self.system, *installed, generated(self.plan)), OWNER)
        # An unchanged build never comes here, and should not wait for what slimming imports.
        from slimtorch.build import slim_stack  # noqa: PLC0415

        stack = slim_stack.Stack(whole, self.plan, self.base, self.service, self.with_bytecode)
        slimmed = slim_stack.slimmed(stack, self.slimming, self.room(), self.machine)
        return replace(slimmed, tree=with_parents(record.rewritten(slimmed.tree, layout), OWNER))

    @cached_property
    def service(self) -> tuple[FileTree, FileTree]:
        """The service's own files, and its weights."""
        return app.tree(self.project)

    @cached_property
    def system(self) -> FileTree:
        """The distribution packages, what their scripts would have made, and the system's own files.

        On a base image: only what it lacks.
        """
        if self.base is not None:
            return bases.additions(bases.folder(self.base, self.machine), self.plan)
        blobs = fetching.fetch_debs(self.project, self.plan.platform, self.plan.pinned, self.machine)
        shipped = deb_tree.assemble(self.plan.pinned.debs, blobs, self.machine.cache)
        user = os_files.User(self.plan.user, self.plan.uid, PurePosixPath(f"/home/{self.plan.user}"))
        return merge(shipped, os_files.tree(shipped, self.plan.suite, self.plan.python, user))

    @cached_property
    def base(self) -> Image | None:
        """The base image that the project names."""
        return bases.read(self.project, self.plan, self.machine) if self.plan.pinned.base else None

    @cached_property
    def blobs(self) -> Mapping[str, Path]:
        """The verified bytes of every wheel, by its owner."""
        return fetching.fetch_wheels(self.project, self.plan.platform, self.plan.pinned, self.indexes, self.machine)

    @cached_property
    def compiler(self) -> Compiler | None:
        """The image's own interpreter, its twin for this machine's processor, or None where there is neither."""
        if interpreters.runs_here(self.plan.platform):
            if self.base is not None:
                root = bases.folder(self.base, self.machine)
            else:
                root = interpreters.root(self.plan, lambda: self.system, self.machine)
            return interpreters.compiler(self.plan, root, self.machine)
        if self.twin is not None:
            return self.twin.compiler
        self.machine.progress.note(
            f"no bytecode for {self.plan.platform}, so that each cold start will compile: this machine cannot run its "
            f'Python; add "{interpreters.here()}" to `platforms` and lock again'
        )
        return None

    @cached_property
    def twin(self) -> Assembly | None:
        """The same Python for this machine's processor, where the lock has it: bytecode is the same on all of them."""
        here = interpreters.here()
        pinned = self.lock.platforms.get(here)
        if pinned is None or not interpreters.same_python(pinned, self.plan.pinned):
            return None
        return replace(self, plan=make_plan(self.project, self.lock, here))

    def with_bytecode(self, tree: FileTree) -> FileTree:
        """The tree, and the bytecode of its modules."""
        if not tree or self.compiler is None:
            return tree
        modules = sum(path.endswith(".py") for path in tree)
        with self.machine.progress.task("compiling", modules, "modules") as task:
            return merge(tree, compile_tree(tree, self.compiler, self.machine.cache, task))
