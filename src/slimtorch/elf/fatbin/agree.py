"""The proof for device code: what a rewritten library still has of it, seen from what the loader will see.

This follows the pointers of both files and compares bytes. It knows nothing of how the new file was planned, and asks
of each entry that is gone whether it may be, not of each that stays whether it should.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.elf import headers as elf_headers
from slimtorch.elf import relocations
from slimtorch.elf.fatbin import find
from slimtorch.elf.fatbin.model import Kind
from slimtorch.elf.fatbin.places import Places
from slimtorch.elf.reading import same
from slimtorch.errors import ElfError
from slimtorch.tables.gpus import covers, known

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from slimtorch.elf.fatbin.model import Code, Container
    from slimtorch.elf.memory import Span
    from slimtorch.elf.reading import Readable
    from slimtorch.elf.relocations import Relative
    from slimtorch.tables.gpus import Gpu


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two files: its containers and the words that point into its device code, both by address."""

    source: Readable
    containers: Mapping[int, Container]
    words: Mapping[int, Relative]


def complaints(original: Readable, result: Readable, gpus: Collection[Gpu], keep_ptx: str = "none") -> tuple[str, ...]:
    """What speaks against the device code of `result`, a sentence each; nothing where all of it is right.

    Every container of `result` ends exactly; every pointer to a container leads to the one that it led to; every entry
    is one of the original container's, byte for byte; and what is missing is missed by none of `gpus`.
    """
    try:
        spans = _spans(original)
        before, after = _side(original, spans), _side(result, spans)
        return tuple(_all(before, after, gpus, keep_ptx))
    except ElfError as error:
        return (error.message,)
    except EOFError:
        return ("the file ends before its headers say so",)


def _spans(source: Readable) -> list[Span]:
    """The addresses of the original's sections of device code; no container may leave them."""
    headers = elf_headers.read(source)
    if headers is None:
        return []
    pieces = Places(headers).of(find.FATBIN_SECTIONS)
    return [(piece.address, piece.address + piece.size) for piece in pieces]


def _side(source: Readable, spans: Sequence[Span]) -> _Side:
    headers = elf_headers.read(source)
    if headers is None:
        raise ElfError("it is no library that can be read")
    places = Places(headers)
    containers: dict[int, Container] = {}
    for one in find.containers(source, headers):
        address = places.address(one.offset)
        if address is not None:
            containers[address] = one
    words = relocations.relative(source, headers, values=spans) if spans else ()
    return _Side(source, containers, {word.address: word for word in words})


def _all(before: _Side, after: _Side, gpus: Collection[Gpu], keep_ptx: str) -> Iterator[str]:
    goes: defaultdict[int, set[int]] = defaultdict(set)
    for address, word in before.words.items():
        now = after.words.get(address)
        if now is None:
            yield f"the pointer at {address:#x} leads to no device code any more"
            continue
        goes[word.value].add(now.value)
        if _stored(before, word) == word.value != now.value and _stored(after, now) != now.value:
            yield f"the pointer at {address:#x} says something else in its table and where it stands"
    yield from (f"a pointer at {new:#x} is new" for new in after.words.keys() - before.words.keys())
    reached: set[int] = set()
    for address, container in before.containers.items():
        targets = goes.get(address, {address})
        found = [after.containers[target] for target in targets if target in after.containers]
        if len(targets) != 1 or len(found) != 1 or reached & targets:
            yield f"the device code at {address:#x} is not found any more, or only together with other"
            continue
        reached |= targets
        missing = _Missing(gpus, keep_ptx)
        if not _stands_for(before, container, after.source, found[0], missing):
            yield from _container(before.source, container, after.source, found[0], missing)
    yield from (f"the device code at {address:#x} comes from nowhere" for address in after.containers.keys() - reached)


def _stored(side: _Side, word: Relative) -> int:
    """The value that the word itself holds in the file; -1 for none."""
    return -1 if word.offset is None else int.from_bytes(side.source.at(word.offset, relocations.WORD), "little")


@dataclass(frozen=True, slots=True)
class _Missing:
    """What an entry that is gone has to stand up to."""

    gpus: Collection[Gpu]
    keep_ptx: str

    def missed(self, code: Code, present: Sequence[Code]) -> str:
        """Who misses the entry, given what its container still has; '' for nobody."""
        if not self.gpus or code.kind not in {Kind.CUBIN, Kind.PTX}:
            return "everybody"
        if code.kind is Kind.PTX and self.keep_ptx == "newest" and not code.suffix and not _newer(code, present):
            return "GPUs to come"
        for gpu in self.gpus:
            if covers(code.name, gpu) and not _replaced(code, present, gpu):
                return gpu.name
        return ""


def _newer(code: Code, present: Sequence[Code]) -> bool:
    alike = [one for one in present if one.kind is code.kind and not one.suffix]
    return any(one.architecture > code.architecture for one in alike)


def _replaced(code: Code, present: Sequence[Code], gpu: Gpu) -> bool:
    """Whether the GPU finds something in `present` that the driver prefers to `code`."""
    good = [one for one in present if covers(one.name, gpu) and known(one.architecture)]
    if code.kind is Kind.PTX and any(one.kind is Kind.CUBIN for one in good):
        return True
    return not code.suffix and (known(code.architecture) or code.kind is Kind.PTX) and _newer(code, good)


def _stands_for(before: _Side, container: Container, new: Readable, after: Container, missing: _Missing) -> bool:
    """Whether compiled code that no GPU asked for runs stands, byte for byte, for code that none of them ran either."""
    if len(after.codes) != 1 or container.section != after.section or not missing.gpus:
        return False
    (stand_in,) = after.codes
    if stand_in.kind is not Kind.CUBIN or any(covers(stand_in.name, gpu) for gpu in missing.gpus):
        return False
    if any(missing.missed(code, ()) for code in container.codes):
        return False
    alike = (code for one in before.containers.values() for code in one.codes if code.name == stand_in.name)
    return any(_same_code(before.source, code, new, stand_in) for code in alike)


def _container(old: Readable, before: Container, new: Readable, after: Container, missing: _Missing) -> Iterator[str]:
    name = f"the device code at byte {before.offset:,}"
    if before.section != after.section:
        yield f"{name} is in another section"
    if before.size == after.size and same(old, before.offset, new, after.offset, before.size):
        return
    left = list(before.codes)
    gone: list[Code] = []
    for code in after.codes:
        while left and not _same_code(old, left[0], new, code):
            gone.append(left.pop(0))
        if not left:
            yield f"{name} has an entry {code.name} that the original does not have"
            return
        left.pop(0)
    if before.codes and not after.codes:
        yield f"{name} is empty"
    for code in gone + left:
        if who := missing.missed(code, after.codes):
            yield f"{name} lost its entry {code.name}, which {who} would miss"


def _same_code(old: Readable, before: Code, new: Readable, after: Code) -> bool:
    return before.size == after.size and same(old, before.offset, new, after.offset, before.size)
