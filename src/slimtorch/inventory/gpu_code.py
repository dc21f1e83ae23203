"""The code for GPUs in an image's or a folder's libraries: for which, how much, and what pruning it would save."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from slimtorch.elf import headers as elf_headers
from slimtorch.elf.fatbin import find
from slimtorch.elf.fatbin.prune import prune
from slimtorch.elf.reading import OpenFile, readable
from slimtorch.elf.rewrite import rewrite
from slimtorch.errors import ElfError
from slimtorch.image.flatten import members, overlay
from slimtorch.image.tree import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slimtorch.elf.fatbin.model import Code, Container
    from slimtorch.elf.headers import Headers
    from slimtorch.elf.reading import Readable
    from slimtorch.image.model import Image
    from slimtorch.image.tree import Entry
    from slimtorch.inventory.files import Files
    from slimtorch.tables.gpus import Gpu


@dataclass(frozen=True, slots=True)
class Amount:
    """The entries of one kind for one architecture (`name`: ``sm_90``, ``compute_90``, ``lto_90``).

    `stored` are their bytes in the file, headers included; `unpacked` what the driver makes of them.
    """

    name: str
    kind: str
    entries: int
    stored: int
    unpacked: int


@dataclass(frozen=True, slots=True)
class Library:
    """A library with code for GPUs. Sizes in bytes.

    `saves` is how much smaller the file would be with only what the given GPUs need (None where no GPU was given),
    `uncovered` names those of them that it has no code for, `problem` says why it would be left alone.
    """

    path: str
    size: int
    amounts: tuple[Amount, ...] = ()
    saves: int | None = None
    uncovered: tuple[str, ...] = ()
    problem: str = ""

    @property
    def stored(self) -> int:
        """Bytes of all its code for GPUs, as it is stored."""
        return sum(amount.stored for amount in self.amounts)


def of_files(files: Files, gpus: Sequence[Gpu] = ()) -> tuple[Library, ...]:
    """The libraries among `files` that have code for GPUs, the largest amount first; links do not count again."""
    found = []
    for path, node in files.items():
        if node.kind is Kind.FILE and node.open is not None and node.size >= elf_headers.HEADER.size:
            with node.open() as stream:
                found.append(of_library(readable(stream), path, gpus))
    return _sorted(found)


def of_image(image: Image, gpus: Sequence[Gpu] = ()) -> tuple[Library, ...]:
    """The same of what a container of the image sees. Each layer is read once; one library at a time is on the disk.

    Raises:
        ArchiveError: a layer is damaged or hostile.
        OSError: there is no room for a library in the folder for temporary files.
    """
    found: dict[str, Library] = {}
    listings: list[list[Entry]] = []
    for number, layer in enumerate(image.layers):
        listings.append([])
        for member in members(layer):
            # The owner tells the versions of a path apart, so that only what no later layer hides is shown.
            key = f"{number}:{member.path}"
            listings[-1].append(member.entry(key))
            if member.kind is Kind.FILE and (library := _unpacked(member.data, member.path, gpus)):
                found[key] = library
    visible = overlay(listings)
    return _sorted([found[entry.owner] for entry in visible.entries() if entry.owner in found])


def of_library(source: Readable, path: str, gpus: Sequence[Gpu] = ()) -> Library | None:
    """What one file holds; None where it is no library or has no code for GPUs."""
    library = Library(path, source.size)
    try:
        headers = elf_headers.read(source)
    except ElfError:
        return None  # A damaged file without any code for GPUs that could be shown.
    try:
        containers = find.containers(source, headers) if headers else ()
        if headers is None or not any(one.codes for one in containers):
            return None
        library = replace(library, amounts=_amounts(containers))
        return _judged(source, headers, library, gpus) if gpus else library
    except ElfError as error:
        return replace(library, problem=error.message)


def _judged(source: Readable, headers: Headers, library: Library, gpus: Sequence[Gpu]) -> Library:
    pruning = prune(source, headers, gpus)
    saves = source.size - rewrite(source, headers, pruning.changes).size if pruning.dropped else 0
    return replace(library, saves=max(0, saves), uncovered=tuple(gpu.name for gpu in pruning.uncovered))


def _unpacked(stream: BinaryIO, path: str, gpus: Sequence[Gpu]) -> Library | None:
    """The facts of a file that can be read only once, from a copy that has no name."""
    magic = stream.read(len(elf_headers.MAGIC))
    if magic != elf_headers.MAGIC:
        return None
    with tempfile.TemporaryFile() as copy:
        copy.write(magic)
        shutil.copyfileobj(stream, copy)
        copy.flush()
        return of_library(OpenFile(copy.fileno()), path, gpus)


def _amounts(containers: Sequence[Container]) -> tuple[Amount, ...]:
    groups: defaultdict[tuple[str, int, str], list[Code]] = defaultdict(list)
    for one in containers:
        for code in one.codes:
            groups[str(code.kind), code.architecture, code.suffix].append(code)
    return tuple(
        Amount(
            codes[0].name,
            kind,
            len(codes),
            sum(code.size for code in codes),
            sum(code.unpacked or code.size for code in codes),
        )
        for (kind, _, _), codes in sorted(groups.items())
    )


def _sorted(found: Sequence[Library | None]) -> tuple[Library, ...]:
    libraries = [library for library in found if library]
    return tuple(sorted(libraries, key=lambda library: (-library.stored, library.path)))
