"""The image's own interpreter, ready to run on this machine: its files in a sealed folder of the cache."""

from __future__ import annotations

import platform as host
import shutil
from functools import cache
from typing import TYPE_CHECKING

from slimtorch import __version__
from slimtorch.build.bytecode import Compiler
from slimtorch.host.engines import interpreter
from slimtorch.image import digest as digests
from slimtorch.image.digest import BLOCK
from slimtorch.image.tree import Kind, with_parents

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from slimtorch.host.machine import Machine
    from slimtorch.host.process import Completed
    from slimtorch.image.digest import Digest
    from slimtorch.image.tree import Entry, FileTree
    from slimtorch.project.lock import LockedPlatform
    from slimtorch.project.plan import Plan

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def here() -> str:
    """The OCI platform whose programs this machine's processor runs."""
    return f"linux/{_MACHINES.get(host.machine(), host.machine())}"


def runs_here(platform: str) -> bool:
    """Whether this machine's processor runs programs of an OCI platform."""
    return platform == here()


def same_python(one: LockedPlatform, other: LockedPlatform) -> bool:
    """Whether both platforms have the same build of the distribution's Python."""
    versions = [{d.name: d.version for d in pinned.debs if "python3" in d.name} for pinned in (one, other)]
    return bool(versions[0]) and versions[0] == versions[1]


def root(plan: Plan, system: Callable[[], FileTree], machine: Machine) -> Path:
    """The distribution's files in a folder. `system` is only called when they are not in the cache yet."""
    return machine.cache.folder("root", _identity(plan), lambda folder: write_tree(system(), folder))


def compiler(plan: Plan, files: Path, machine: Machine) -> Compiler:
    """The compiler of the image's Python, whose root file system is below `files`.

    Raises:
        MachineError: at the first use, where the interpreter cannot be started on this machine.
    """
    start = cache(lambda: interpreter(files, str(plan.interpreter), machine.run))

    def run(args: Sequence[str], stdin: bytes) -> Completed:
        # The engine is found when the first module is compiled: with everything in the cache, none is tried.
        return start()(args, stdin)

    return Compiler(run, _identity(plan), plan.python)


def _identity(plan: Plan) -> Digest:
    """Names everything that decides what the interpreter is."""
    base = plan.pinned.base.digest if plan.pinned.base else ""
    return digests.of_json([__version__, plan.platform, plan.suite, [deb.sha256 for deb in plan.pinned.debs], base])


def write_tree(tree: FileTree, folder: Path) -> None:
    """Writes the tree below `folder`, as files of the user who runs this."""
    for entry in with_parents(tree, "").entries():
        _write(entry, folder / entry.path)


def _write(entry: Entry, target: Path) -> None:
    if entry.kind is Kind.DIRECTORY:
        target.mkdir(exist_ok=True)
    elif entry.kind is Kind.SYMLINK:
        target.symlink_to(entry.link)
    elif entry.content is not None:
        with entry.content.open() as source, target.open("xb") as out:
            shutil.copyfileobj(source, out, BLOCK)
        # Readable by the user of the sandbox, whoever that is.
        target.chmod(entry.mode | 0o444)
