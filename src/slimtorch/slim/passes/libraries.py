"""Libraries and programs that nothing loads: no needed library resolves to them, and nothing else names them.

Only files of which a table says so are asked about here; this looks whether that holds in the tree at hand.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.elf import headers as elf_headers
from slimtorch.elf.headers import SHF_ALLOC
from slimtorch.elf.reading import readable
from slimtorch.errors import ElfError
from slimtorch.slim.passes.needles import Needles

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from slimtorch.elf.file import ElfFile
    from slimtorch.elf.reading import Readable
    from slimtorch.inventory.files import Node
    from slimtorch.slim.model import Subject

BLOCK = 4 << 20
_DATA = re.compile(r"\.(?:ro)?data")
"""Sections that hold the texts of a program; those of large objects (.lrodata, .ldata) hold tables and device code."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that a rule asks about, and the texts by which others would call it."""

    path: str
    names: frozenset[str]


def candidate(path: str, facts: ElfFile | None, *, exact: bool) -> Candidate:
    """The candidate at `path`: called by its file name and soname, and by their stems unless `exact`."""
    full = {posixpath.basename(path), facts.soname if facts else ""} - {""}
    stems = set() if exact else {name.partition(".so")[0] for name in full}
    return Candidate(path, frozenset(full | stems))


def unloaded(
    subject: Subject, candidates: Iterable[Candidate], named: Mapping[str, frozenset[str]], gone: Container[str] = ()
) -> frozenset[str]:
    """The paths of those that nothing which stays loads.

    `named` are the names in Python sources, by candidate; `gone` are paths of binaries that go anyhow.
    """
    going = {one.path: one for one in candidates if not one.names & named.get(one.path, frozenset())}
    binaries = [path for path in subject.binaries if path not in gone] if going else []
    said = _texts(subject, binaries, {name for one in going.values() for name in one.names})
    needed = {path: _needs(subject, path, going.values()) for path in binaries}
    while True:
        staying = [path for path in binaries if path not in going]
        loaded = {one for path in staying for one in needed[path]}
        loaded |= {one.path for one in going.values() for path in staying if one.names & said[path]}
        if not loaded & going.keys():
            return frozenset(going)
        going = {path: one for path, one in going.items() if path not in loaded}


def _needs(subject: Subject, path: str, candidates: Iterable[Candidate]) -> frozenset[str]:
    """The candidates that the binary needs (DT_NEEDED): where its run path leads elsewhere, none of that name."""
    found: set[str] = set()
    facts = subject.binaries[path]
    for soname in facts.needed:
        called = {one.path for one in candidates if one.path != path and soname in one.names}
        if called:
            target = next(_resolved(subject, path, soname), None)
            found |= called if target is None else called & {target}
    return frozenset(found)


def _resolved(subject: Subject, path: str, soname: str) -> Iterator[str]:
    """Where the binary's own run paths lead (ld.so(8)), in order."""
    facts = subject.binaries[path]
    origin = posixpath.dirname(path)
    for entry in (*facts.rpath, *facts.runpath):
        folder = entry.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", f"/{origin}")
        real = subject.files.file(posixpath.normpath(f"{folder}/{soname}").lstrip("/"))
        if real is not None and real in subject.binaries:
            yield real


def _texts(subject: Subject, binaries: Iterable[str], names: Iterable[str]) -> dict[str, frozenset[str]]:
    """The names that each binary holds as a text of its own, those that it needs left out: they are resolved."""
    bounded = {name: _bounded(name) for name in names}
    plain = Needles(bounded)
    found: dict[str, frozenset[str]] = {}
    for path in binaries:
        facts = subject.binaries[path]
        held = _held(subject.files[path], plain, bounded)
        found[path] = frozenset(held) - set(facts.needed) - {facts.soname}
    return found


def _bounded(name: str) -> re.Pattern[bytes]:
    """The name by itself; where it is no whole file name, a suffix may follow."""
    text = re.escape(name.encode())
    behind = rb"[\w.+-]" if ".so" in name else rb"[\w+-]"
    # What stands before is looked at last: an expression that starts with plain text is searched for much faster.
    return re.compile(rb"%b(?!%b)(?<![\w.+-]%b)" % (text, behind, text))


def _held(node: Node, plain: Needles, bounded: Mapping[str, re.Pattern[bytes]]) -> Iterator[str]:
    if node.open is None:
        return
    with node.open() as stream:
        source = readable(stream)
        for start, end in _ranges(source):
            for block in _blocks(source, start, end):
                if plain.any(block):
                    yield from (name for name, word in bounded.items() if word.search(block))


def _ranges(source: Readable) -> Iterator[tuple[int, int]]:
    """Where the file holds texts: its data sections, or all of it where they cannot be told."""
    try:
        headers = elf_headers.read(source)
    except ElfError:
        headers = None
    sections = headers.sections if headers else ()
    if not any(section.flags & SHF_ALLOC for section in sections):
        yield 0, source.size
    for section in sections:
        if section.flags & SHF_ALLOC and section.stored and _DATA.match(section.name):
            yield section.offset, section.end


def _blocks(source: Readable, start: int, end: int) -> Iterator[bytes]:
    """The bytes of a range, a little of each block again with the next: no name is cut in two."""
    overlap = 256
    while start < end:
        yield source.at(start, min(BLOCK + overlap, end - start))
        start += BLOCK
