"""``dir:PATH``: a root file system in a folder. It carries no settings; an image read from it has one layer."""

from __future__ import annotations

import os
import platform
import shutil
import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.errors import ImageError, MachineError
from slimtorch.image.codec import NONE
from slimtorch.image.config import Runtime
from slimtorch.image.digest import of_stream
from slimtorch.image.layer import Layer
from slimtorch.image.model import assemble
from slimtorch.image.pack import pack
from slimtorch.image.tree import Content, Entry, FileTree, Kind
from slimtorch.image.unpack import unpack
from slimtorch.stores.files import beside, explained

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.host.cache import Cache
    from slimtorch.image.model import Image

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_OWNER = "base"


def write(image: Image, path: Path, *, ownership: bool = False) -> None:
    """Unpacks the image into a new folder, which appears as a whole or not at all.

    Files belong to whoever runs this, unless `ownership` asks for the image's users, which needs root.

    Raises:
        MachineError: something is there already, or the system does not let us write.
        ArchiveError: a layer is damaged or hostile.
    """
    with explained(f"dir:{path}"):
        if os.path.lexists(path) and (not path.is_dir() or any(path.iterdir())):
            raise MachineError(f"{path} is there already and not empty", hint="give a new folder, or remove this one")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = beside(path)
        temporary.mkdir()
        try:
            unpack(image.layers, temporary, ownership=ownership, privileged=True)
            temporary.replace(path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def read(path: Path, cache: Cache) -> Image:
    """The folder as an image with one uncompressed layer; devices, pipes and sockets are left out.

    Raises:
        ImageError: the folder is not there.
        MachineError: a file in it cannot be read.
    """
    with explained(f"dir:{path}"):
        if not path.is_dir():
            raise ImageError(f"{path} is not a folder", hint="dir:PATH is a root file system in a folder")
        tree = FileTree(_walk(path))
        with cache.writer(what=f"dir:{path}") as writer:
            diff_id, blob = pack(tree, "", NONE, writer)
    layer = Layer(diff_id, blob, partial(cache.blob_path(blob.digest).open, "rb"))
    machine = platform.machine()
    return assemble(Runtime(_ARCHITECTURES.get(machine, machine), "", "/", {}, ()), [layer], {})


def _walk(root: Path) -> Iterator[Entry]:
    names: dict[tuple[int, int], str] = {}
    # Sorted, so that the first name of a file with several is the same each time.
    todo = [root]
    while todo:
        for child in sorted(os.scandir(todo.pop()), key=lambda child: child.name):
            status = child.stat(follow_symlinks=False)
            path = os.path.relpath(child.path, root)
            if stat.S_ISDIR(status.st_mode):
                todo.append(Path(child.path))
            first = names.setdefault((status.st_dev, status.st_ino), path)
            if found := _entry(Path(child.path), path, first, status):
                yield found


def _entry(file: Path, path: str, first: str, status: os.stat_result) -> Entry | None:
    mode = stat.S_IMODE(status.st_mode)
    owned = partial(Entry, path, mode=mode, owner=_OWNER, uid=status.st_uid, gid=status.st_gid)
    if stat.S_ISDIR(status.st_mode):
        return owned(kind=Kind.DIRECTORY)
    if stat.S_ISLNK(status.st_mode):
        return owned(kind=Kind.SYMLINK, link=os.readlink(file))  # noqa: PTH115  (the target as written)
    if not stat.S_ISREG(status.st_mode):
        return None
    if first != path:
        return owned(kind=Kind.HARDLINK, link=first)
    with file.open("rb") as stream:
        digest, size = of_stream(stream)
    return owned(kind=Kind.FILE, content=Content(size, digest, partial(file.open, "rb")))
