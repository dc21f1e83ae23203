"""Rewritten libraries are loaded by the real loader and read by readelf."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slimtorch.elf import agree, headers, relocations
from slimtorch.elf.reading import opened
from slimtorch.elf.rewrite import Changes, Region, rewrite
from slimtorch.elf.splice import Copy
from tests.support.libraries import make_library

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.live
MACHINE = platform.machine()
C_SOURCE = """
#include <string.h>
#define BIG(name, place, letter) \\
  __attribute__((section(place), used)) static const char name[400000] = {[0] = letter, [399999] = letter};
BIG(code, ".nv_fatbin", 'c')
BIG(other, "__nv_relfatbin", 'o')
static const char *volatile wrapper = code, *volatile second = other;
__thread int counter = 41;
static char zeros[100000];
int front(void) { return wrapper[0]; }
int back(void) { return wrapper[399999]; }
int count(void) { zeros[5]++; return ++counter + zeros[5]; }
int total(const char *text) { return (int)strlen(text) + second[0]; }
"""
CPP_SOURCE = """
#include <stdexcept>
__attribute__((section(".nv_fatbin"), used)) static const char code[400000] = {'c'};
static int thrown(int value) { if (value) throw std::runtime_error("here"); return 0; }
extern "C" int caught(int value) { try { return thrown(value); } catch (const std::exception &) { return 7; } }
"""


def needs(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


def trimmed(path: Path, keep: int = 1000, *, bare: bool = True, names: Sequence[str] = (".nv_fatbin",)) -> Path:
    """A copy next to `path` whose sections of these names keep their first bytes, checked."""
    target = path.with_name("new-" + path.name)
    with opened(path) as source, target.open("xb+") as stream:
        found = headers.read(source)
        assert found is not None
        sections = [section for name in names if (section := found.section(name))]
        regions = [Region(one.offset, one.end, (Copy(one.offset, keep),)) for one in sections]
        rewrite(source, found, Changes(regions, bare=bare)).write(source.descriptor, stream.fileno())
        stream.flush()
        with opened(target) as result:
            assert agree.complaints(source, result, agree.spans(found, names)) == ()
    shutil.copymode(path, target)
    return target


def python(code: str, *arguments: object) -> str:
    argv = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def tables(path: Path) -> str:
    done = subprocess.run(["readelf", "-aW", path], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return done.stdout


def compiled(tmp_path: Path, source: str, *options: str) -> Path:
    suffix, compiler = (".cpp", "g++") if "stdexcept" in source else (".c", "gcc")
    needs(compiler, "readelf")
    (tmp_path / f"made{suffix}").write_text(source)
    library = tmp_path / "made.so"
    argv = [compiler, "-g", "-O1", "-shared", "-fPIC", *options, f"made{suffix}", "-o", "made.so"]
    subprocess.run(argv, cwd=tmp_path, check=True, timeout=120)
    return library


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-Wl,-z,noseparate-code",),
        ("-Wl,-z,max-page-size=0x200000",),
        ("-Wl,-z,now", "-Wl,-z,relro"),
        ("-Wl,-z,pack-relative-relocs",),
    ],
)
def test_a_compiled_library_still_works(tmp_path: Path, options: tuple[str, ...]) -> None:
    old = compiled(tmp_path, C_SOURCE, *options)
    new = trimmed(old, names=(".nv_fatbin", "__nv_relfatbin"))
    assert new.stat().st_size < old.stat().st_size - 700_000
    code = """if True:
        import ctypes, sys
        library = ctypes.CDLL(sys.argv[1])
        print(library.front(), library.back(), library.count(), library.count(), library.total(b"four"))"""
    assert python(code, old) == f"{ord('c')} {ord('c')} 43 45 {4 + ord('o')}"
    assert python(code, new) == f"{ord('c')} 0 43 45 {4 + ord('o')}"
    assert " .symtab" not in tables(new)
    assert "total" in tables(new)


def test_exceptions_are_caught_in_a_split_library(tmp_path: Path) -> None:
    """The unwinder finds its tables through the program headers, which moved."""
    old = compiled(tmp_path, CPP_SOURCE)
    new = trimmed(old)
    assert new.stat().st_size < old.stat().st_size - 390_000
    assert python("import ctypes, sys; print(ctypes.CDLL(sys.argv[1]).caught(1))", new) == "7"


@pytest.mark.skipif(MACHINE not in {"x86_64", "aarch64"}, reason="the builder knows two machines")
@pytest.mark.parametrize("more", [{}, {"packed": True}, {"own_header": True, "tls": b"x" * 8}, {"align": 0x200000}])
def test_a_library_of_the_builder_is_loaded(tmp_path: Path, more: dict[str, object]) -> None:
    needs("readelf")
    sections = {
        ".nv_fatbin": ("r", bytes(range(256)) * 400),
        ".rodata": ("r", b"constants"),
        ".text": ("x", b"\xc3" * 64),
        ".data": ("w", bytes(640)),
    }
    pointers = tuple(((".data", 16 * number), (".nv_fatbin", 256 * number + number)) for number in range(40))
    symbols = {"pointers": (".data", 0), "constants": (".rodata", 0)}
    path = tmp_path / "made.so"
    path.write_bytes(make_library(sections, pointers=pointers, symbols=symbols, machine=MACHINE, **more))
    new = trimmed(path, keep=256 * 20)
    tables(new)
    code = """if True:
        import ctypes, sys
        library = ctypes.CDLL(sys.argv[1])
        words = (ctypes.c_void_p * 80).in_dll(library, "pointers")
        led_to = [ctypes.string_at(words[2 * number], 1)[0] for number in range(40)]
        print((ctypes.c_char * 9).in_dll(library, "constants").value, led_to)"""
    assert python(code, path) == f"b'constants' {list(range(40))}"
    assert python(code, new) == f"b'constants' {[*range(20), *[0] * 20]}"


def test_what_the_loader_finds_stays_found(tmp_path: Path) -> None:
    needs("gcc", "ldd", "readelf")
    old = compiled(tmp_path, C_SOURCE)
    new = trimmed(old)
    done = subprocess.run(["ldd", new], capture_output=True, text=True, timeout=60, check=True)
    assert "libc.so" in done.stdout
    sections = [line for line in tables(new).splitlines() if ".dynamic" in line]
    assert sections


def _libraries(package: str) -> list[Path]:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    return [path for folder in _folders(Path(spec.submodule_search_locations[0])) for path in folder.rglob("*.so*")]


def _folders(package: Path) -> list[Path]:
    return [package, *package.parent.glob(f"{package.name}.libs")]


@pytest.mark.parametrize("package", ["numpy", "torch"])
def test_a_package_without_symbol_tables_gives_the_same_numbers(tmp_path: Path, package: str) -> None:
    """numpy's libraries went through patchelf, torch's are among the largest."""
    libraries = [path for path in _libraries(package) if path.is_file() and not path.is_symlink()]
    root = Path(find_spec(package).submodule_search_locations[0]).parent  # type: ignore[union-attr, index]
    for folder in _folders(root / package):
        shutil.copytree(folder, tmp_path / folder.name, symlinks=True, copy_function=_linked)
    saved = 0
    for path in libraries:
        copy = tmp_path / path.relative_to(root)
        new = trimmed(copy, names=())
        saved += copy.stat().st_size - new.stat().st_size
        new.rename(copy)
    assert saved > 0
    code = f"""if True:
        import sys
        sys.path.insert(0, sys.argv[1])
        import {package} as module
        a = (module.arange(64.0).reshape(8, 8) + 3 * module.eye(8))
        assert module.__file__.startswith(sys.argv[1])
        print(module.linalg.inv(a).tolist(), module.fft.fft(a).real.tolist())"""
    assert python(code, tmp_path) == python(code, root)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def test_relocations_are_those_that_readelf_lists(tmp_path: Path) -> None:
    library = compiled(tmp_path, C_SOURCE)
    with opened(library) as source:
        found = headers.read(source)
        assert found is not None
        ours = {(word.address, word.value) for word in relocations.relative(source, found)}
    rows = [line.split() for line in tables(library).splitlines() if "_RELATIVE" in line]
    assert ours == {(int(row[0], 16), int(row[3], 16)) for row in rows}
    assert ours
