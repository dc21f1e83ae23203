"""The stack of a build, slimmed before it is split: proposed, made, proven by reading and by running, and marked."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import BytesIO
from typing import TYPE_CHECKING

from slimtorch.build import held_out
from slimtorch.build.rootfs import OWNER
from slimtorch.build.slimming import FORMAT, check_script
from slimtorch.errors import ProofError
from slimtorch.image import digest as digests
from slimtorch.image.flatten import label, members
from slimtorch.image.opened import below
from slimtorch.image.tree import FileTree, Kind, small_file
from slimtorch.image.unpack import unpack_members
from slimtorch.image.untar import Member
from slimtorch.inventory import service
from slimtorch.inventory.files import of_directory
from slimtorch.probe import environment
from slimtorch.probe import place as places
from slimtorch.probe.session import Subject as Started
from slimtorch.project import gpu_check
from slimtorch.slim import ledger as ledgers
from slimtorch.slim import marks as marking
from slimtorch.slim import recipe
from slimtorch.slim import subject as subjects
from slimtorch.slim.apply import tree as trees
from slimtorch.slim.marks import Marks
from slimtorch.slim.proof import clone, dynamic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from slimtorch.build.slimming import Slimming
    from slimtorch.host.machine import Machine
    from slimtorch.image.model import Image
    from slimtorch.probe.place import Place
    from slimtorch.project.plan import Plan
    from slimtorch.slim.apply.tree import Applied, Source
    from slimtorch.slim.model import Ledger, Subject

NOT_RUN = "not run here"


@dataclass(frozen=True, slots=True)
class Slimmed:
    """The tree that becomes the stack's layers, what the image says of it, and the ledger where anything was done."""

    tree: FileTree
    marks: Marks = field(default_factory=Marks)
    ledger: Ledger | None = None


@dataclass(frozen=True)
class Stack:
    """A stack before it is slimmed: its tree, the base below it, and the service above it, for the proof by running.

    `compiled` gives a tree with the bytecode of its modules.
    """

    tree: FileTree
    plan: Plan
    base: Image | None
    service: tuple[FileTree, ...]
    compiled: Callable[[FileTree], FileTree]


def slimmed(stack: Stack, slimming: Slimming, folder: Path, machine: Machine) -> Slimmed:
    """The slimmed stack with its bytecode; what is new in it is read from `folder`, an empty one, while that exists.

    Raises:
        ElfError: a library has GPU code, but none for a GPU that was asked for.
        ProofError: a proof failed, and the original is not to be taken instead.
    """
    if not slimming.on:
        return Slimmed(stack.compiled(stack.tree), marking.unslimmed())
    try:
        return _Work(stack, slimming, folder, machine).done()
    except ProofError as error:
        if not slimming.fallback:
            raise
        machine.progress.note(f"not slimmed, because a proof failed: {error.message}")
        return Slimmed(stack.compiled(stack.tree), marking.unslimmed(error.message))


@dataclass(frozen=True)
class _Work:
    stack: Stack
    slimming: Slimming
    folder: Path
    machine: Machine

    def done(self) -> Slimmed:
        policy = self.slimming.policy
        proposal = recipe.propose(self.source.subject, policy)
        applied = trees.apply(self.source, policy, proposal, self.machine.progress)
        owners = self.source.subject.owners.values()
        if not applied.changed:
            return Slimmed(self.stack.compiled(self.stack.tree), marking.of(applied.ledger, policy, owners))
        slim = _restored(applied.tree, self.source.tree, self.stack.tree)
        tree = self.stack.compiled(slim)
        bytecode = FileTree(entry for path, entry in tree.items() if path not in slim)
        ledger = self._proven(applied, bytecode)
        marks = marking.of(ledger, policy, owners)
        return Slimmed(_with_check(tree, marks), marks, ledger)

    @cached_property
    def source(self) -> Source:
        root, new = self.folder / "root", self.folder / "new"
        new.mkdir(parents=True)
        with self.machine.progress.task("unpacking", self.stack.tree.size) as task:
            lay([("the build", _members(self.stack.tree))], root, task.advance)
        tree = below(self.stack.tree, root)
        return trees.Source(tree, self._known(subjects.of_tree(tree)), root, new)

    def _known(self, subject: Subject) -> Subject:
        code = self.slimming.code() if self.slimming.by_service else None
        return replace(subject, code=code, compiles=self.slimming.compiles(self.stack.plan))

    def _proven(self, applied: Applied, bytecode: FileTree) -> Ledger:
        """The ledger with what running showed: once for the same stack, whatever the layers are compressed with.

        The modules that are left have their bytecode before and after, so that nothing is compiled for the proof.
        """
        key = digests.of_json(
            [
                FORMAT,
                self.stack.plan.stack_digest,
                self.slimming.identity(self.stack.plan),
                marking.fingerprint(applied.ledger),
            ]
        )
        if (known := self.machine.cache.record("slim-proof", key)) is not None:
            return ledgers.from_json(known)
        ledger = self._run(applied, bytecode)
        if not any(text.startswith(NOT_RUN) for saving in ledger.savings for text in saving.proof):
            self.machine.cache.put_record("slim-proof", key, ledgers.to_json(ledger))
        return ledger

    def _run(self, applied: Applied, bytecode: FileTree) -> Ledger:
        root = self._whole(bytecode)
        before = self._place(root)
        if before is None:
            return dynamic.prove(applied.ledger, self.source.subject, None, None, self.machine.run)
        with clone.of(root, applied.changed) as other, self.machine.progress.task("running before and after", 0):
            after = places.moved(before, other)
            job = held_out.job(self.slimming.project) if before.service else None
            return dynamic.prove(applied.ledger, self.source.subject, before, after, self.machine.run, job)

    def _whole(self, bytecode: FileTree) -> Path:
        """The root that can be run: the stack over its base, and the service where that is to be started."""
        stack = self.stack
        service = stack.service if self.slimming.by_service else ()
        above = [("the service", _members(tree)) for tree in (bytecode, *service)]
        if stack.base is None:
            lay(above, self.source.root)
            return self.source.root
        root = self.folder / "whole"
        base = [(label(layer), members(layer)) for layer in stack.base.layers]
        lay([*base, ("the build", _members(stack.tree)), *above], root)
        return root

    def _place(self, root: Path) -> Place | None:
        wanted = service.of_settings(self.stack.plan.runtime.to_json())
        python = environment.interpreter(of_directory(root, owners=False), wanted)
        if python is None:
            return None
        place = places.of_image(Started(root, wanted, python, (self.stack.plan.uid, self.stack.plan.uid)))
        return place if self.slimming.by_service else replace(place, service=None)


def lay(layers: list[tuple[str, Iterator[Member]]], root: Path, on_bytes: Callable[[int], None] | None = None) -> None:
    """Puts members into a folder of ours, in their order; a link in it is followed inside of it only."""
    root.mkdir(exist_ok=True)
    unpack_members(layers, root, ownership=os.geteuid() == 0, on_bytes=on_bytes)


def _members(tree: FileTree) -> Iterator[Member]:
    """The tree as members of a tar: parents first, hard links last."""
    for entry in sorted(tree.entries(), key=lambda entry: entry.kind is Kind.HARDLINK):
        fields = (entry.path, entry.kind, entry.mode | 0o444, entry.uid, entry.gid, entry.link, entry.size, 0)
        if entry.content is None:
            yield Member(*fields, BytesIO())
        else:
            with entry.content.open() as stream:
                yield Member(*fields, stream)


def _restored(tree: FileTree, read: FileTree, original: FileTree) -> FileTree:
    """The edited tree with the contents that nothing happened to read from where they were."""
    return FileTree(original[path] if read.get(path) is entry else entry for path, entry in tree.items())


def _with_check(tree: FileTree, marks: Marks) -> FileTree:
    """The tree with the start command that compares the GPU with what was kept, where code for others went."""
    if not marks.arguments:
        return tree
    script = small_file(gpu_check.START.as_posix().lstrip("/"), check_script(), OWNER)
    return FileTree([*tree.entries(), script])
