"""Small libraries that are right, to start from."""

from __future__ import annotations

from functools import cache

from slimtorch.elf import headers
from slimtorch.elf.fatbin.prune import prune
from slimtorch.elf.reading import Bytes
from slimtorch.elf.rewrite import rewrite
from slimtorch.tables import gpus
from tests.support import fatbins
from tests.support.elf import make_elf
from tests.support.fatbins import Library, Wrapped, big, make_entry, make_fatbin
from tests.support.libraries import make_library

_DATA = bytes(range(251)) * 90
_SECTIONS = {".rodata": ("r", _DATA), ".text": ("x", b"\xc3" * 99), ".data": ("w", bytes(640))}
_POINTERS = tuple(((".data", 16 * number), (".rodata", 500 * number)) for number in range(40))
_CODES = (big("sm_80", 9_000), make_entry("sm_90a", packing="zstd"), "sm_90", "compute_90", "odd_90")
_LARGE = [make_fatbin(big("sm_75", 12_000), big(f"sm_8{one}", 9_000), big("sm_90", 500)) for one in (0, 6, 9)]


@cache
def every() -> tuple[bytes, ...]:
    """Each kind of library that the tests build, and some that were rewritten before."""
    two = make_fatbin("sm_75", "sm_90")
    relocatable = [Wrapped("__nv_relfatbin", 0, (1, 3)), Wrapped("__nv_relfatbin", 2)]
    lone = Library({".nv_fatbin": _LARGE, ".cask_resource": _LARGE[:2]}, [Wrapped(".nv_fatbin", 0)], stored=False)
    return (
        make_elf(("libc.so.6",), soname="libx.so.1"),
        make_library(
            _SECTIONS, pointers=_POINTERS, symbols={"blob": (".rodata", 0), "go": (".text", 8)}, tls=b"12345678"
        ),
        make_library(_SECTIONS, pointers=_POINTERS, packed=True, own_header=True, machine="aarch64"),
        make_library(_SECTIONS, interpreter="/lib64/ld-linux-x86-64.so.2", own_header=True),
        fatbins.simple(make_fatbin(*_CODES), two),
        fatbins.simple(make_fatbin(*_CODES), section=".cask_resource"),
        fatbins.simple(*_LARGE),
        Library({"__nv_relfatbin": [*_LARGE, two]}, relocatable, packed=True, machine="aarch64").make(),
        Library({"__nv_relfatbin": [*_LARGE, two], ".ldata": [two]}, relocatable).make(),
        lone.make(),
        _pruned(fatbins.simple(*_LARGE)),
        _pruned(lone.make()),
        _pruned(make_library({".nv_fatbin": ("r", b"".join(_LARGE)), **_SECTIONS}, own_header=True)),
    )


def _pruned(data: bytes) -> bytes:
    """The library with the code of two GPUs of three: its program headers stand in a gap, and there is more to do."""
    source, wanted = Bytes(data), [one for name in ("a100", "h100") if (one := gpus.find(name))]
    found = headers.read(source)
    assert found is not None
    made = b"".join(rewrite(source, found, prune(source, found, wanted).changes).blocks(source))
    assert len(made) < len(data)
    return made
