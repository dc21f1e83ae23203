"""GPU code that none of the service's GPUs runs, in every library that has any. Only where GPUs are named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.elf import headers as elf_headers
from slimtorch.elf.reading import readable
from slimtorch.errors import ElfError
from slimtorch.slim.model import Note, Trim
from slimtorch.slim.passes.symbols import VENDOR, libraries
from slimtorch.slim.vendor import is_vendor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.slim.model import Policy, Subject

SECTIONS = frozenset({".nv_fatbin", "__nv_relfatbin", ".nvFatBinSegment", ".cask_resource"})
"""A library without any of these has no code for GPUs that could be told apart, and is not searched for it."""


def propose(subject: Subject, policy: Policy) -> Iterator[Trim | Note]:
    """A `Trim` for each library with GPU code; of the vendor's, only where the policy says so."""
    if not policy.gpus:
        return
    found = [path for path in libraries(subject) if path not in subject.links and _has_code(subject, path)]
    if not found:
        names = ", ".join(gpu.name for gpu in policy.gpus)
        yield Note("", f"no library has GPU code: there is nothing to keep or take out for {names}")
    for path in found:
        vendor = is_vendor(path, subject.binaries[path], subject.owners.get(path, ""))
        if vendor and not policy.slim.vendor:
            yield Note(path, f"GPU code left as it is: {VENDOR}")
        else:
            yield Trim(path, gpus=policy.gpus, keep_ptx=policy.slim.keep_ptx)


def _has_code(subject: Subject, path: str) -> bool:
    open_ = subject.files[path].open
    if open_ is None:
        return False
    try:
        with open_() as stream:
            headers = elf_headers.read(readable(stream))
    except ElfError:
        # The pass over symbols says what is wrong with it.
        return False
    return headers is not None and any(section.name in SECTIONS for section in headers.sections)
