"""Paths of an image, looked up below the directory that it was unpacked to. Links never lead out of that root."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from slimtorch.errors import ArchiveError, MachineError

LINKS = 40
"""As many links as the kernel follows in one path (path_resolution(7))."""
SHEBANG = 127
"""Bytes of a first line that the kernel reads (execve(2))."""


def absolute(root: Path, path: str) -> Path:
    """Where `path` of the image stands on this machine, links followed inside the root; it need not exist.

    Raises:
        ArchiveError: the links go in a circle.
    """
    left, here, seen = [*PurePosixPath("/", path).parts[1:]][::-1], root, 0
    while left:
        part = left.pop()
        if part == "..":
            here = here if here == root else here.parent
            continue
        candidate = here / part
        if candidate.is_symlink():
            if (seen := seen + 1) > LINKS:
                raise ArchiveError(f"{path} in the image goes through too many links", hint="is there a circle?")
            target = PurePosixPath(candidate.readlink())
            here = root if target.is_absolute() else here
            left += [piece for piece in target.parts if piece != "/"][::-1]
        else:
            here = candidate
    return here


def inside(root: Path, path: str) -> bool:
    """Whether the image has something at `path`."""
    return absolute(root, path).exists()


def which(root: Path, name: str, search: str, workdir: str = "/") -> str:
    """The path in the image of the program `name`, found as execvp(3) would; '' when there is none."""
    if "/" in name:
        path = str(PurePosixPath("/", workdir, name))
        return path if absolute(root, path).is_file() else ""
    for folder in search.split(os.pathsep):
        path = str(PurePosixPath("/", folder, name))
        if absolute(root, path).is_file():
            return path
    return ""


def program(root: Path, argv: tuple[str, ...], search: str, workdir: str) -> list[str]:
    """`argv` with a binary of the image in front: scripts are started through their interpreter. [] if not there."""
    found = which(root, argv[0], search, workdir)
    if not found:
        return []
    file = absolute(root, found)
    with file.open("rb") as stream:
        first = stream.readline(SHEBANG)
    if not first.startswith(b"#!"):
        return [str(file), *argv[1:]]
    words = first[2:].decode(errors="replace").split()
    if words and PurePosixPath(words[0]).name == "env":
        words = words[1:]
    interpreter = which(root, words[0], search) if words else ""
    return [str(absolute(root, interpreter)), *words[1:], str(file), *argv[1:]] if interpreter else []


def loader_of(root: Path) -> Path:
    """The dynamic loader of the image.

    Raises:
        MachineError: it has none for this machine's processor.
    """
    machine = os.uname().machine
    name = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}.get(machine, "ld-linux.so")
    for folder in ("/lib64", "/lib", f"/usr/lib/{machine}-linux-gnu"):
        path = absolute(root, f"{folder}/{name}")
        if path.is_file():
            return path
    raise MachineError(f"the image has no loader for {machine} ({name})")


def library_path(root: Path) -> str:
    """The image's standard library folders, for ``ld-linux --library-path``."""
    triplet = f"{os.uname().machine}-linux-gnu"
    folders = [f"/lib/{triplet}", f"/usr/lib/{triplet}", "/lib64", "/usr/lib64", "/lib", "/usr/lib"]
    found = dict.fromkeys(str(absolute(root, folder)) for folder in folders if inside(root, folder))
    return os.pathsep.join(found)
