"""One library without what no segment loads and without the code of other GPUs: the new file, described."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from slimtorch.elf import headers as elf_headers
from slimtorch.elf.fatbin.prune import prune
from slimtorch.elf.rewrite import Changes, rewrite
from slimtorch.errors import ElfError
from slimtorch.slim.model import Pass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.elf.headers import Headers
    from slimtorch.elf.reading import Readable
    from slimtorch.elf.splice import Splice
    from slimtorch.slim.model import Trim
    from slimtorch.tables.gpus import Gpu

LEAST = 4 << 10
"""Bytes below which a file is not written anew."""
TORCH = "libtorch_cuda.so"
NAMED = 5
"""Libraries that a refusal names before it counts the rest."""


@dataclass(frozen=True, slots=True)
class Trimmed:
    """The new file, None where it stays as it is: there is nothing to gain, or `note` says why.

    `saved` is bytes by pass, in the order of the passes. `uncovered` are the GPUs that the library, which has GPU
    code, has none for; `codes` are the architectures that it has code for.
    """

    splice: Splice | None = None
    saved: Mapping[Pass, int] = field(default_factory=dict)
    note: str = ""
    uncovered: tuple[Gpu, ...] = ()
    codes: tuple[str, ...] = ()


def trim(source: Readable, edit: Trim) -> Trimmed:
    """What becomes of a file; a damaged or foreign one stays as it is, and the note says so."""
    try:
        headers = elf_headers.read(source)
        if headers is None:
            return Trimmed(note="left as it is: not a 64-bit library or program for x86_64 or aarch64")
        pruned = _pruned(source, headers, edit)
        changes = replace(pruned.changes, bare=edit.bare)
        if not (changes.bare or changes.regions):
            return replace(pruned.trimmed, splice=None)
        splice, note = _rewritten(source, headers, changes, pruned.trimmed.note)
    except ElfError as error:
        return Trimmed(note=f"left as it is: {error.message}")
    saved = _saved(source, headers, changes, splice)
    if sum(saved.values()) < LEAST:
        return replace(pruned.trimmed, note=note)
    return replace(pruned.trimmed, splice=splice, saved=saved, note=note)


@dataclass(frozen=True, slots=True)
class _Pruned:
    changes: Changes
    trimmed: Trimmed = Trimmed()


def _pruned(source: Readable, headers: Headers, edit: Trim) -> _Pruned:
    if not edit.gpus:
        return _Pruned(Changes())
    try:
        found = prune(source, headers, edit.gpus, edit.keep_ptx)
    except ElfError as error:
        return _Pruned(Changes(), Trimmed(note=f"GPU code left as it is: {error.message}"))
    codes = tuple(sorted({*found.kept, *found.dropped}))
    return _Pruned(found.changes, Trimmed(uncovered=found.uncovered, codes=codes))


def _rewritten(source: Readable, headers: Headers, changes: Changes, note: str) -> tuple[Splice, str]:
    """Where the whole cannot be done, the part that only leaves out what nothing loads."""
    try:
        return rewrite(source, headers, changes), note
    except ElfError as error:
        if not (changes.bare and changes.regions):
            raise
        return rewrite(source, headers, Changes(bare=True)), f"GPU code left as it is: {error.message}"


def _saved(source: Readable, headers: Headers, changes: Changes, splice: Splice) -> dict[Pass, int]:
    """Bytes by pass: first what nothing loads, then what that leaves to the GPU code."""
    total = source.size - splice.size
    if not changes.regions:
        return {Pass.SYMBOLS: total}
    if not changes.bare:
        return {Pass.DEVICE_CODE: total}
    symbols = source.size - rewrite(source, headers, Changes(bare=True)).size
    return {Pass.SYMBOLS: symbols, Pass.DEVICE_CODE: total - symbols}


def refusal(uncovered: Mapping[str, Trimmed], owners: Mapping[str, str]) -> ElfError:
    """What to say of libraries, by path, that have GPU code but none for a GPU that was asked for."""
    lines = []
    torch = next((path for path in uncovered if posixpath.basename(path) == TORCH), "")
    for path in sorted(uncovered, key=lambda path: (path != torch, path))[:NAMED]:
        trimmed = uncovered[path]
        gpus = " and ".join(f"{gpu.name} ({gpu.capability})" for gpu in trimmed.uncovered)
        owner = owners.get(path, "").removeprefix("wheel:").replace("==", " ")
        what = f"{posixpath.basename(path)}" + (f" of {owner}" if owner else "")
        lines.append(f"{what} has no code for {gpus}, only {', '.join(trimmed.codes)}")
    if len(uncovered) > NAMED:
        lines.append(f"and so have {len(uncovered) - NAMED} more libraries")
    keep = " ".join(f"--keep {posixpath.basename(path)}" for path in sorted(uncovered))
    return ElfError(
        "\n".join(lines),
        hint="this torch was not built for that GPU, or was slimmed for another one: install one that was, or name "
        "another GPU"
        if torch
        else f"leave it as it is with {keep}, or name other GPUs",
    )
