"""Installations and records of traces, made from short descriptions."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING

from slimtorch.elf.file import ElfFile
from slimtorch.image.tree import Kind
from slimtorch.inventory.files import Files, Node
from slimtorch.slim import trace_file
from slimtorch.slim.model import Subject
from slimtorch.slim.trace import Run, Trace, Used

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from slimtorch.inventory.code.model import Code

SITE = "opt/venv/lib/python3.11/site-packages"
PROGRAM = "ld-linux.so"
"""Stands for an ELF program in `installed`: its interpreter."""


def installed(
    packages: Mapping[str, Mapping[str, bytes]],
    libraries: Mapping[str, tuple[str, ...]] | None = None,
    *,
    code: Code | None = None,
    compiles: frozenset[str] | None = None,
) -> Subject:
    """A subject with packages (``NAME==VERSION``), whose files are below site-packages.

    `libraries` are those that are ELF files, with the names that they need; `PROGRAM` among them makes a program.
    """
    nodes, owners = {}, {}
    for key, files in packages.items():
        name, _, version = key.partition("==")
        info = f"{name.replace('-', '_')}-{version}.dist-info"
        papers = {f"{info}/RECORD": b"", f"{info}/METADATA": b"Name: x\n", f"{info}/LICENSE": b"free"}
        for path, data in {**files, **papers}.items():
            nodes[f"{SITE}/{path}"] = Node(Kind.FILE, 0o644, len(data), open=partial(io.BytesIO, data))
            if not path.endswith(".pyc"):
                owners[f"{SITE}/{path}"] = f"wheel:{key}"
    binaries = {f"{SITE}/{path}": _elf(needs) for path, needs in (libraries or {}).items()}
    return Subject(Files(nodes), (SITE,), owners, binaries, code, compiles)


def _elf(needs: tuple[str, ...]) -> ElfFile:
    needed = tuple(name for name in needs if name != PROGRAM)
    return ElfFile("x86_64", needed=needed, interpreter=PROGRAM if PROGRAM in needs else "")


def used(key: str, *opened: str, asked_for: Iterable[str] = (), modules: Iterable[str] = ()) -> Used:
    """What a trace saw of one package."""
    name, _, version = key.partition("==")
    return Used(name, version, 9, 999, dict.fromkeys(opened, 1), dict.fromkeys(asked_for, 1), frozenset(modules))


def record(folder: Path, *packages: Used, gpu: bool = False) -> Path:
    """A record of two runs in `folder`."""
    runs = (Run("the probe", "fanotify", "runc"), Run("odd input", "fanotify", "runc"))
    path = folder / "trace.json"
    trace = Trace(("sha256:0",), runs, {f"{one.name}=={one.version}": one for one in packages}, gpu)
    path.write_bytes(trace_file.dump(trace))
    return path
