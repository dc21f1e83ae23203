"""Whose library is it? What its licence forbids to change is left as it is unless the user says otherwise.

Decided for each file by its name, its soname and the place where it stands, not by the wheel that brought it: wheels
under open licences carry NVIDIA's libraries. What is not known counts as a vendor's.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from slimtorch.tables.vendor import vendors

if TYPE_CHECKING:
    from slimtorch.elf.file import ElfFile


def is_vendor(path: str, facts: ElfFile, owner: str) -> bool:
    """Whether the library at `path` must not be changed without being asked.

    `owner` is what brought it (``wheel:torch==2.13.0``, ``deb:libc6=2.36``, '' where nobody lists it).
    """
    table = vendors()
    if table.names_one(posixpath.basename(path)) or table.names_one(facts.soname) or table.excepts(path):
        return True
    kind, _, rest = owner.partition(":")
    if kind == "deb":
        return False
    return kind != "wheel" or rest.partition("==")[0] not in table.owners
