"""What no segment of a library loads: symbol tables for linkers, debugging sections, comments.

The loader reads the dynamic symbols, which are in a segment; what is left of the file is for linkers and debuggers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.elf import headers as elf_headers
from slimtorch.elf.headers import SHF_ALLOC
from slimtorch.elf.reading import readable
from slimtorch.errors import ElfError
from slimtorch.slim.model import Note, Trim
from slimtorch.slim.vendor import is_vendor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.elf.headers import Headers
    from slimtorch.slim.model import Policy, Subject

LEAST = 8 << 10
"""Bytes below which a library is not worth writing anew."""
VENDOR = (
    "NVIDIA's; their licence lets an image carry it and forbids changing it (`vendor = true` does it for internal use)"
)


def propose(subject: Subject, policy: Policy) -> Iterator[Trim | Note]:
    """A `Trim` for each library and program below a site-packages folder that has more than it loads."""
    for path in libraries(subject):
        if path in subject.links:
            continue
        vendor = is_vendor(path, subject.binaries[path], subject.owners.get(path, ""))
        if vendor and not policy.slim.vendor:
            continue
        if text := _judged(subject, path):
            yield Note(path, text)
        elif text is None:
            yield Trim(path, bare=True)


def libraries(subject: Subject) -> Iterator[str]:
    """The ELF files below the site-packages folders, by path."""
    inside = tuple(f"{site}/" for site in subject.sites)
    return (path for path in sorted(subject.binaries) if path.startswith(inside))


def unloaded(headers: Headers) -> int:
    """Bytes of the sections that no segment loads, their names' own table aside."""
    names = headers.names
    return sum(
        section.stored
        for number, section in enumerate(headers.sections)
        if number != names and not section.flags & SHF_ALLOC
    )


def _judged(subject: Subject, path: str) -> str | None:
    """None where the file is worth a `Trim`; else what to remark, '' for nothing."""
    node = subject.files[path]
    if node.open is None:
        return ""
    try:
        with node.open() as stream:
            headers = elf_headers.read(readable(stream))
    except ElfError as error:
        return f"left as it is: {error.message}"
    if headers is None:
        return "left as it is: not a 64-bit library or program for x86_64 or aarch64"
    return None if unloaded(headers) >= LEAST else ""
