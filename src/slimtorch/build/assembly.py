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
    from collections.abc import Mapping
    from pathlib import Path

    from slimtorch.build.bytecode import Compiler
    from slimtorch.host.machine import Machine
    from slimtorch.image.model import Image
    from slimtorch.project.lock import Lock
    from slimtorch.project.model import Project
    from slimtorch.project.plan import Plan
    from slimtorch.sources.indexes import Indexes

TABLES = ("maintainer_scripts", "os_packages", "python_modules", "suites")
"""The tables that decide what becomes of a package's files."""


def materials(project: Project, lock: Lock, plan: Plan, indexes: Indexes, machine: Machine) -> Materials:
    """What the plan is built from; nothing is downloaded or unpacked that the cache makes unnecessary."""
    assembly = Assembly(project, lock, plan, indexes, machine)
    service, weights = app.tree(project)
    return Materials(lambda: assembly.stack, assembly.with_bytecode(service), weights, assembly.identity, assembly.base)


@dataclass(frozen=True)
class Assembly:
    """The parts of one image's tree, each made when it is first asked for."""

    project: Project
    lock: Lock
    plan: Plan
    indexes: Indexes
    machine: Machine

    @property
    def identity(self) -> str:
        """Names what decides the tree beside the plan: slimtorch's own data, and whether bytecode can be made."""
        return digests.of_json([tables.digest(*TABLES), digests.of_bytes(health_script()), self.compiler is not None])

    @cached_property
    def stack(self) -> FileTree:
        """Everything below the service's own files: the system, the wheels, their bytecode, the generated list."""
        layout = Layout(self.plan.python)
        tags = request(self.project, self.plan.platform, self.indexes, self.plan.pinned.base).target.tags()
        installed = [wheels.tree(self.blobs[wheel.owner], wheel, layout, tags) for wheel in self.plan.pinned.wheels]
        complete = self.with_bytecode(merge(self.system, *installed, generated(self.plan)))
        return with_parents(record.rewritten(complete, layout), OWNER)

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
