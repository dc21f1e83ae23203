"""The nouns of slimming. Paths are relative to the root of the tree that is slimmed; sizes are bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.elf.file import ElfFile
    from slimtorch.inventory.code.model import Code
    from slimtorch.inventory.files import Files
    from slimtorch.project.model import Slim
    from slimtorch.tables.gpus import Gpu


class Pass(StrEnum):
    """The passes, in the order in which they run and are shown."""

    PATHS = "paths"
    PACKAGES = "packages"
    TRACED = "traced"
    SYMBOLS = "symbols"
    DEVICE_CODE = "device code"
    STUBS = "stubs"


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be done: the project's ``[slim]``, and the GPUs that device code is kept for (none: all of it)."""

    slim: Slim
    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of the tree.

    `sites` are its site-packages folders, none of them the root itself; `owners` says which package brought a path
    (``wheel:torch==2.13.0``; files that nobody lists are not in it), `binaries` are its ELF files by path (links are
    not in it). `code` is the service's own code, None where only an installation is slimmed. `compiles` names what the
    service compiles with at run time (``c++``, ``cuda`` …, see `tables.compilers`); None where that is not known. Every
    name of a hard-linked file is a file here and among the binaries; `links` leads from its other names to the first.
    """

    files: Files
    sites: tuple[str, ...]
    owners: Mapping[str, str]
    binaries: Mapping[str, ElfFile]
    code: Code | None = None
    compiles: frozenset[str] | None = None
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drop:
    """The file or link goes. `rule` names the row of the table that says so, '' for the user's own."""

    path: str
    done_by: Pass
    reason: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Trim:
    """A library is written anew: without what no segment loads (`bare`), with only the code that `gpus` need."""

    path: str
    bare: bool = False
    gpus: tuple[Gpu, ...] = ()
    keep_ptx: str = "none"


@dataclass(frozen=True, slots=True)
class Stub:
    """A library is replaced by a stand-in; `setting` is what brings it back, for the message at the first call."""

    path: str
    setting: str
    reason: str


Edit = Drop | Trim | Stub


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was left alone, or that the user should know: `path` may be '' for the whole tree."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the passes would do, at most one edit a path, and what they remark."""

    edits: tuple[Edit, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Saving:
    """One line of the ledger: what one pass did to one file. `saved` is in bytes, `proof` what was shown of it."""

    done_by: Pass
    path: str
    owner: str
    before: int
    after: int
    reason: str
    proof: tuple[str, ...] = ()

    @property
    def saved(self) -> int:
        """Bytes that the file has less."""
        return self.before - self.after


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything that was done to a tree. `before` and `after` are bytes of all its files."""

    profile: str
    gpus: tuple[str, ...]
    before: int
    after: int
    savings: tuple[Saving, ...]
    notes: tuple[Note, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
