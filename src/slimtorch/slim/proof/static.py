"""The proof by reading: what was made is compared with what it replaces, by other code than made it.

Each file by itself, as soon as it is made; then the whole tree, in which every symbol that resolved still has to.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from slimtorch.elf import agree
from slimtorch.elf import headers as elf_headers
from slimtorch.elf.fatbin import agree as fatbin_agree
from slimtorch.elf.fatbin.prune import PRUNED_SECTIONS
from slimtorch.elf.file import facts
from slimtorch.elf.stub import agree as stand_ins
from slimtorch.errors import ElfError
from slimtorch.image.tree import Kind
from slimtorch.inventory.files import Files
from slimtorch.slim.model import Trim
from slimtorch.slim.proof import resolution
from slimtorch.slim.recipe import passes_of
from slimtorch.slim.subject import without

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from slimtorch.elf.reading import Readable
    from slimtorch.slim.model import Proposal, Stub, Subject

STRUCTURE = "same structure"
CODE = "same code for these GPUs"
STAND_IN = "same soname and symbols"


def complaints(original: Readable, result: Readable, edit: Trim | Stub) -> tuple[str, ...]:
    """What is wrong with `result`, in sentences; nothing where it is what the edit promises."""
    if not isinstance(edit, Trim):
        return _stand_in(original, result, edit.setting)
    if not edit.gpus:
        return agree.complaints(original, result)
    headers = elf_headers.read(original)
    changed = agree.spans(headers, PRUNED_SECTIONS) if headers else ()
    found = agree.complaints(original, result, changed)
    return (*found, *fatbin_agree.complaints(original, result, edit.gpus, edit.keep_ptx))


def _stand_in(original: Readable, result: Readable, setting: str) -> tuple[str, ...]:
    try:
        return stand_ins.complaints(original, result, setting)
    except ElfError as error:
        return (f"the stand-in cannot be compared with the library: {error.message}",)


def proofs(edit: Trim | Stub) -> tuple[str, ...]:
    """What is known of a result that there are no complaints about."""
    if not isinstance(edit, Trim):
        return (STAND_IN,)
    return (STRUCTURE, CODE) if edit.gpus else (STRUCTURE,)


def unresolved(
    subject: Subject, proposal: Proposal, changed: Mapping[str, Path | None]
) -> Iterator[tuple[str, str, str]]:
    """What no longer resolves in the whole tree: the pass, the path that it changed, and who misses what.

    `changed` gives, by path, the file that will stand there, or None for nothing. Nothing is read where no library
    and no link is among them.
    """
    if not any(path in subject.binaries or subject.files[path].kind is Kind.SYMLINK for path in changed):
        return
    passes = {edit.path: " and ".join(passes_of(edit)) for edit in proposal.edits}
    new = {path for path, file in changed.items() if file}
    found = resolution.complaints(
        resolution.of_subject(subject), resolution.of_subject(_after(subject, changed)), new & subject.binaries.keys()
    )
    for one in found:
        first = subject.links.get(one.giver, one.giver)
        at = next((path for path in (one.giver, first) if path in passes), one.path)
        yield passes.get(at, ""), at, f"{one.path} {one.text}"


def _after(subject: Subject, changed: Mapping[str, Path | None]) -> Subject:
    left = without(subject, {path for path, file in changed.items() if file is None})
    nodes, binaries = dict(left.files), dict(left.binaries)
    for path, file in changed.items():
        if file is None or path not in binaries:
            continue
        nodes[path] = replace(nodes[path], open=partial(file.open, "rb"))
        with file.open("rb") as stream:
            read = facts(stream)
        if read is None:
            del binaries[path]
        else:
            binaries[path] = read
    return replace(left, files=Files(nodes), binaries=binaries)
