"""Two images, one slimmed from the other: what is gone or different, whether the ledger says so, and whether it may be.

The second look at a finished image: it needs neither the policy nor the program that slimmed it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.elf.reading import opened
from slimtorch.elf.stub import agree as stub_agree
from slimtorch.elf.stub import recognise
from slimtorch.errors import ElfError
from slimtorch.image.tree import Kind
from slimtorch.project.gpu_check import START
from slimtorch.project.runtime import HEALTH_PROBE
from slimtorch.slim.model import Ledger, Pass, Saving, Trim
from slimtorch.slim.proof import static

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from slimtorch.image.tree import Entry, FileTree
    from slimtorch.slim.model import Subject
    from slimtorch.tables.gpus import Gpu

OWN = frozenset({START.as_posix().lstrip("/"), HEALTH_PROBE.as_posix().lstrip("/")})
"""What slimming adds, or replaces by a newer one."""
RECORD = ".dist-info/RECORD"
_BYTECODE = re.compile(r"(.*/)?__pycache__/([^/.]+)\.[^/]*\.pyc")
"""PEP 3147."""


@dataclass(frozen=True, slots=True)
class Side:
    """An image's file system, and the folder in which its files stand."""

    tree: FileTree
    root: Path


@dataclass(frozen=True, slots=True)
class Pair:
    """The original, what is known of it, and the slimmed image."""

    before: Side
    subject: Subject
    after: Side

    def differing(self) -> Iterator[tuple[str, Entry, Entry | None]]:
        """Files and links of the original that are gone (None) or have other bytes."""
        for path, old in self.before.tree.items():
            new = self.after.tree.get(path)
            if old.kind is Kind.DIRECTORY or path in OWN:
                continue
            if new is None or (new.kind, new.link, new.content) != (old.kind, old.link, old.content):
                yield path, old, new


@dataclass(frozen=True, slots=True)
class Compared:
    """The complaints; how many libraries were compared, and how many modules have other bytecode of the same source."""

    complaints: tuple[Complaint, ...]
    libraries: int
    compiled: int


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with one file; `unexplained` where nothing says that it was to change."""

    path: str
    text: str
    unexplained: bool = False


def compare(pair: Pair, ledger: Ledger | None, gpus: Sequence[Gpu], keep_ptx: str) -> Compared:
    """What is wrong with files that are gone, new or different; without a ledger, nothing is asked of what is gone."""
    known = {saving.path: saving for saving in ledger.savings} if ledger else None
    found: list[Complaint] = []
    libraries = compiled = 0
    for path, _, new in pair.differing():
        if new is None:
            if known is not None and path not in known and not _follows(path, known):
                found.append(Complaint(path, "is gone, and the ledger does not say why", unexplained=True))
        elif path in pair.subject.binaries:
            libraries += 1
            found += (Complaint(path, text) for text in _library(pair, path, gpus, keep_ptx))
        elif _BYTECODE.fullmatch(path):
            compiled += 1
        elif not path.endswith(RECORD):
            found.append(Complaint(path, "has other bytes, and is no library", unexplained=True))
    added = sorted(pair.after.tree.keys() - pair.before.tree.keys() - OWN)
    found += (Complaint(path, "is new", unexplained=True) for path in added if _is_file(pair.after.tree[path]))
    return Compared(tuple(found), libraries, compiled)


def changes(pair: Pair, ledger: Ledger | None) -> Ledger:
    """A ledger of what differs, by the passes of the image's own one where that is known: what is to be run."""
    passes = {saving.path: saving.done_by for saving in ledger.savings} if ledger else {}
    lines = []
    for path, old, new in pair.differing():
        done_by = passes.get(path, Pass.PATHS if new is None else Pass.SYMBOLS)
        owner = pair.subject.owners.get(path, "")
        lines.append(Saving(done_by, path, owner, old.size, new.size if new else 0, "differs"))
    sizes = pair.before.tree.size, pair.after.tree.size
    return Ledger(ledger.profile if ledger else "", ledger.gpus if ledger else (), *sizes, tuple(lines))


def _library(pair: Pair, path: str, gpus: Sequence[Gpu], keep_ptx: str) -> tuple[str, ...]:
    with opened(pair.before.root / path) as original, opened(pair.after.root / path) as result:
        try:
            if setting := recognise(result):
                return stub_agree.complaints(original, result, setting)
            return static.complaints(original, result, Trim(path, bare=True, gpus=tuple(gpus), keep_ptx=keep_ptx))
        except ElfError as error:
            return (error.message,)


def _follows(path: str, known: Mapping[str, Saving]) -> bool:
    """Whether it is the bytecode of a source that goes, which a build does not even make."""
    match = _BYTECODE.fullmatch(path)
    return match is not None and f"{match[1] or ''}{match[2]}.py" in known


def _is_file(entry: Entry) -> bool:
    return entry.kind is not Kind.DIRECTORY
