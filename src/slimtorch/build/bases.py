"""A base image that the user names: its layers stay as they are, its Python is found, the service's user is added."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from slimtorch import stores
from slimtorch.errors import LockError, ResolveError
from slimtorch.image import digest as digests
from slimtorch.image import reference as references
from slimtorch.image.tree import FileTree, directory, small_file
from slimtorch.image.unpack import unpack
from slimtorch.inventory import service
from slimtorch.inventory.files import of_directory
from slimtorch.project.lock import LockedBase
from slimtorch.sources.os_files import MOUNT_POINTS

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.host.machine import Machine
    from slimtorch.image.model import Image
    from slimtorch.inventory.files import Files
    from slimtorch.project.model import Project
    from slimtorch.project.plan import Plan

OWNER = "slimtorch"
_GLIBC = re.compile(rb"GNU C Library [^\n]{0,200}version 2\.(\d{1,3})")
_LIBC_SIZE = 32_000_000


def lock(project: Project, platform: str, machine: Machine) -> LockedBase:
    """The base image as it is now, with its Python.

    Raises:
        ResolveError: it lacks the project's Python, or has a C library that no torch wheel exists for.
        ImageError: it cannot be read.
    """
    image = _read(project, platform, machine)
    files = of_directory(folder(image, machine), owners=False)
    name = f"python{project.python}"
    found = files.program(name, service.of_settings(image.settings).path)
    if found is None:
        raise ResolveError(
            f"the base image {project.os.base} has no {name} on its PATH",
            hint="set `python` to the version that the base has, or name a base that has this one",
        )
    return LockedBase(project.os.base, image.digest, f"/{found}", _glibc(files, project.os.base))


def read(project: Project, plan: Plan, machine: Machine) -> Image:
    """The locked base image.

    Raises:
        LockError: it is not the one that was locked.
    """
    image = _read(project, plan.platform, machine)
    if plan.pinned.base and image.digest != plan.pinned.base.digest:
        raise LockError(
            f"the base image {project.os.base} is {image.digest}, but {plan.pinned.base.digest} was locked",
            hint="run `slimtorch lock` to take the new one",
        )
    return image


def folder(image: Image, machine: Machine) -> Path:
    """The base's root file system, unpacked once into the cache."""
    key = digests.of_json(["base", [layer.diff_id for layer in image.layers]])
    return machine.cache.folder("root", key, lambda target: unpack(image.layers, target))


def additions(root: Path, plan: Plan) -> FileTree:
    """What the base lacks: the service's user and home, mount points. Its own files stay as they are."""
    files = of_directory(root, owners=False)
    home = f"home/{plan.user}"
    missing = [directory(name, OWNER) for name in (*MOUNT_POINTS, "home") if files.real(name) is None]
    shared = [directory("tmp", OWNER, mode=0o1777)] if files.real("tmp") is None else []
    return FileTree(
        [
            *missing,
            *shared,
            directory(home, OWNER, uid=plan.uid, gid=plan.uid),
            small_file("etc/passwd", _accounts(files, plan), OWNER),
            small_file("etc/group", _groups(files, plan), OWNER),
        ]
    )


def _accounts(files: Files, plan: Plan) -> bytes:
    line = f"{plan.user}:x:{plan.uid}:{plan.uid}:{plan.user}:/home/{plan.user}:/usr/sbin/nologin"
    return _with_line(files.text("etc/passwd"), line, plan)


def _groups(files: Files, plan: Plan) -> bytes:
    return _with_line(files.text("etc/group"), f"{plan.user}:x:{plan.uid}:", plan)


def _with_line(text: str, line: str, plan: Plan) -> bytes:
    """The table with the user's line in the place of any other of that name or number."""
    rows = [row for row in text.splitlines() if row]
    kept = [row for row in rows if row.split(":")[0] != plan.user and row.split(":")[2:3] != [str(plan.uid)]]
    return "".join(f"{row}\n" for row in [*kept, line]).encode()


def _read(project: Project, platform: str, machine: Machine) -> Image:
    parsed = references.parse(project.os.base, exists=False)
    parsed = replace(parsed, location=os.path.join(project.root, parsed.location))  # noqa: PTH118  (text in a noun)
    return stores.read(parsed, machine, platform=platform)


def _glibc(files: Files, name: str) -> int:
    for path in sorted(files):
        node = files[path]
        if path.endswith("/libc.so.6") and (real := files.file(path)) and files[real].size <= _LIBC_SIZE:
            opened = files[real].open
            if opened is not None:
                with opened() as stream:
                    if match := _GLIBC.search(stream.read()):
                        return int(match[1])
        elif "/ld-musl-" in f"/{path}" and node:
            raise ResolveError(
                f"the base image {name} has musl as its C library, and no torch wheel exists for it",
                hint="name a base with glibc (Debian, Ubuntu, Red Hat), or leave `base` out",
            )
    raise ResolveError(f"the base image {name} has no glibc", hint="name a base with glibc, or leave `base` out")
