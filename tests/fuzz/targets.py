"""What is fuzzed: each target takes any bytes, and may only say that they are damaged.

A file that is written has to pass the proof that is run before one is put in place; whatever is not an `ElfError` is a
crash.
"""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING

from slimtorch.elf import bindings, file, headers, relocations, symbols
from slimtorch.elf import stub as stubs
from slimtorch.elf.fatbin import find
from slimtorch.elf.reading import Bytes
from slimtorch.elf.rewrite import Changes, rewrite
from slimtorch.elf.splice import Copy, Splice, Spliced
from slimtorch.errors import ElfError
from slimtorch.slim.model import Trim
from slimtorch.slim.proof import static
from slimtorch.slim.trimming import trim
from slimtorch.tables import gpus
from tests.fuzz import damage, seeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from slimtorch.elf.reading import Readable

H100 = gpus.find("h100")


def read(data: bytes) -> None:
    """Everything that is read of a library."""
    source = Bytes(data)
    file.facts(io.BytesIO(data))
    with suppress(ElfError):
        found = headers.read(source)
        if found is not None:
            with suppress(ElfError):
                symbols.read(source, found)
            with suppress(ElfError):
                bindings.read(source, found)
            with suppress(ElfError):
                sum(1 for _ in relocations.relative(source, found))
            find.containers(source, found)


def write_bare(data: bytes) -> None:
    """A library without what no segment loads."""
    _trimmed(data, Trim("lib.so", bare=True))


def write_pruned(data: bytes) -> None:
    """A library with the code of one GPU."""
    assert H100
    _trimmed(data, Trim("lib.so", gpus=(H100,)))


def write_both(data: bytes) -> None:
    """A library with the code of one GPU and without what no segment loads."""
    assert H100
    _trimmed(data, Trim("lib.so", gpus=(H100,), bare=True))


def _trimmed(data: bytes, edit: Trim) -> None:
    source = Bytes(data)
    splice = trim(source, edit).splice
    if splice is None:
        return
    result = Spliced(source, splice)
    complaints = static.complaints(source, result, edit)
    # What does not agree with itself cannot be proven, and is left as it is.
    assert not complaints or static.complaints(source, source, edit), complaints
    if not complaints:
        _settled(result, edit)


def _settled(result: Readable, edit: Trim) -> None:
    """There is nothing left to do: the second time nothing changes."""
    assert trim(result, edit).splice is None
    found = headers.read(result)
    assert found is not None
    again = rewrite(result, found, Changes(bare=edit.bare))
    assert again == Splice((Copy(0, result.size),)), again


def write_stub(data: bytes) -> None:
    """A stand-in for a library."""
    with suppress(ElfError):
        made = Bytes(stubs.make(Bytes(data), "nccl"))
        found = headers.read(made)
        assert found is not None
        symbols.read(made, found)
        assert stubs.recognise(made) == "nccl"


def _damaged(check: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """The target behind a few wrong words in a library that is right; blind bytes rarely get past the headers."""
    return lambda data: check(damage.damaged(data, seeds.every()))


def starts() -> list[bytes]:
    """Each library without damage, and with a word that says what it said before."""
    records = (b"", damage.RECORD.pack(1, 0, 8, 0), damage.RECORD.pack(2, 16, 11, 0) * 2)
    return [bytes([number]) + record for number in range(len(seeds.every())) for record in records]


TARGETS = {
    "read": _damaged(read),
    "bare": _damaged(write_bare),
    "device-code": _damaged(write_pruned),
    "both": _damaged(write_both),
    "stub": _damaged(write_stub),
}
