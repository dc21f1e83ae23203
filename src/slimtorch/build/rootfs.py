"""The short list of files that no package brings: the virtual environment, the probe, the service's folders."""

from __future__ import annotations

from importlib.resources import files
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from slimtorch.image.tree import Entry, FileTree, directory, small_file, symlink
from slimtorch.project.runtime import CACHE as CACHE_ROOT
from slimtorch.project.runtime import HEALTH_PROBE, VENV

if TYPE_CHECKING:
    from slimtorch.project.plan import Plan

OWNER = "slimtorch"
SHARED_MODE = 0o1777
"""Folders that any uid may write to: sticky, as /tmp is, so that nobody removes another's files."""


def generated(plan: Plan) -> FileTree:
    """The virtual environment, the health probe and the service's folders; everything else belongs to a package."""
    return FileTree(
        [
            *_virtual_environment(plan.python, plan.interpreter),
            small_file(_relative(HEALTH_PROBE), health_script(), OWNER),
            *_folders(plan),
        ]
    )


def _virtual_environment(python: str, interpreter: PurePosixPath) -> list[Entry]:
    """What `venv` would write (PEP 405): the marker file and links to the distribution's interpreter."""
    venv = _relative(VENV)
    marker = f"home = {interpreter.parent}\ninclude-system-site-packages = false\nversion = {python}\n"
    return [
        directory(venv, OWNER),
        directory(f"{venv}/bin", OWNER),
        directory(f"{venv}/lib/python{python}/site-packages", OWNER),
        small_file(f"{venv}/pyvenv.cfg", marker.encode(), OWNER),
        symlink(f"{venv}/bin/python", str(interpreter), OWNER),
        symlink(f"{venv}/bin/python3", "python", OWNER),
        symlink(f"{venv}/bin/python{python}", "python", OWNER),
    ]


def health_script() -> bytes:
    """The program that the image's health check runs."""
    return files("slimtorch.probe.in_image").joinpath("health.py").read_bytes()


def _folders(plan: Plan) -> list[Entry]:
    cache = _relative(CACHE_ROOT)
    shared = {"tmp", cache}
    paths = [_relative(PurePosixPath(path)) for path in plan.writable]
    owned = [directory(path, OWNER, uid=plan.uid, gid=plan.uid) for path in paths if path not in shared]
    workdir = directory(_relative(PurePosixPath(plan.workdir)), OWNER)
    # Libraries make their own folders in it: a tmpfs that is mounted there hides ours, or (podman with runc) copies
    # them with modes that only root can write to.
    return [*owned, directory(cache, OWNER, mode=SHARED_MODE), workdir]


def _relative(path: PurePosixPath) -> str:
    return str(path).lstrip("/")
