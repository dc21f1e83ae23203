"""Stand-ins in programs: libraries and clients that a compiler made, on this machine and on aarch64 under qemu."""

from __future__ import annotations

import platform
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from slimtorch.elf import stub
from slimtorch.elf.reading import Bytes, opened
from slimtorch.errors import ElfError
from slimtorch.tables.stubs import stand_ins

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.live

LIBRARY = """
__asm__(".symver f1,f@V1"); __asm__(".symver f2,f@@V2");
int f1(void) { return 11; }
int f2(void) { return 22; }
int data[4] = {1, 2, 3, 4};
extern int alias __attribute__((alias("data")));
const char *ncclGetErrorString(int x) { return "the library's own"; }
double scaled(double x) { return x; }
void *ncclTeamWorld(void) { return data; }
__attribute__((visibility("protected"))) int guarded(void) { return 3; }
__attribute__((weak)) int weak(void) { return 4; }
"""
VERSIONS = """
V1 { global: f; data; local: *; };
V2 { global: f; alias; ncclGetErrorString; scaled; ncclTeamWorld; guarded; weak; } V1;
"""
CLIENT = """
#include <stdio.h>
int f(void); int f1(void); extern int data[4]; extern int alias; const char *ncclGetErrorString(int);
double scaled(double); void *ncclTeamWorld(void); int guarded(void); int weak(void);
__asm__(".symver f1,f@V1");
int main(void) {
    printf("%d %d %d %d %.1f ", f(), f1(), data[1], alias, scaled(2.0));
    printf("%d %d %d\\n", ncclTeamWorld() != 0, guarded(), weak());
    puts(ncclGetErrorString(1));
}
"""
REAL = "22 11 2 1 2.0 1 3 4\nthe library's own\n"
MESSAGE = stand_ins()["nccl"].message


@dataclass(frozen=True)
class Machine:
    name: str
    compiler: str
    runner: tuple[str, ...] = ()

    def run(self, program: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [*self.runner, str(program)]
        return subprocess.run(command, capture_output=True, text=True, check=True, env={**environment})


@pytest.fixture(params=["x86_64", "aarch64"])
def machine(request: pytest.FixtureRequest) -> Machine:
    name = str(request.param)
    if platform.machine() == name:
        compiler, runner = "gcc", ()
    else:
        compiler = f"{name}-linux-gnu-gcc"
        emulator = shutil.which(f"qemu-{name}-static") or shutil.which(f"qemu-{name}") or ""
        runner = (emulator, "-L", f"/usr/{name}-linux-gnu")
        if not emulator:
            pytest.skip(f"qemu-{name} (qemu-user-static) is not installed")
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    return Machine(name, compiler, runner)


def built(machine: Machine, folder: Path, *options: str) -> tuple[Path, Path]:
    """The library, and a client that finds it beside itself."""
    for name, text in (("library.c", LIBRARY), ("versions", VERSIONS), ("client.c", CLIENT)):
        (folder / name).write_text(text)
    library, client = folder / "libnccl.so.2", folder / "client"
    linked = [f"-Wl,-soname,{library.name}", f"-Wl,--version-script={folder / 'versions'}"]
    subprocess.run(
        [machine.compiler, "-shared", "-fPIC", *linked, folder / "library.c", "-o", library],
        check=True,
        capture_output=True,
    )
    subprocess.run(
        [machine.compiler, *options, folder / "client.c", library, "-Wl,-rpath,$ORIGIN", "-o", client],
        check=True,
        capture_output=True,
    )
    return library, client


def replace(library: Path) -> None:
    with opened(library) as source:
        data = stub.make(source, "nccl")
        assert stub.complaints(source, Bytes(data), "nccl") == ()
    library.unlink()
    library.write_bytes(data)


@pytest.mark.parametrize("kind", ["-no-pie", "-pie"])
@pytest.mark.parametrize("binding", [{}, {"LD_BIND_NOW": "1"}])
def test_a_client_starts_gets_errors_and_is_told_once(
    machine: Machine, kind: str, binding: dict[str, str], tmp_path: Path
) -> None:
    options = [kind, "-fPIE"] if kind == "-pie" else [kind]
    library, client = built(machine, tmp_path, *options)
    assert machine.run(client, **binding).stdout == REAL
    replace(library)
    done = machine.run(client, **binding)
    assert done.stdout == f"2 2 0 0 0.0 0 2 2\n{MESSAGE}\n"
    assert done.stderr == f"slimtorch: {MESSAGE}\n"


def test_thread_local_data_cannot_be_stood_in_for(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text("__thread int state = 3;")
    library = tmp_path / "libx.so"
    command = [machine.compiler, "-shared", "-fPIC", "-Wl,-soname,libx.so", tmp_path / "x.c", "-o", library]
    subprocess.run(command, check=True, capture_output=True)
    with opened(library) as source, pytest.raises(ElfError, match="state is thread-local"):
        stub.make(source, "nccl")


def test_a_c_plus_plus_library_does_not_lend_its_templates(tmp_path: Path) -> None:
    """Its own function is offered; the copies of the standard library's templates stay with those who use them."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    (tmp_path / "x.cc").write_text(
        '#include <vector>\n#include <stdexcept>\nextern "C" int grow(int n) {\n'
        "std::vector<unsigned char> v; for (int i = 0; i < n; i++) v.push_back(i);\n"
        'if (n < 0) throw std::runtime_error("n"); return v.size(); }\n'
    )
    library = tmp_path / "libx.so"
    command = ["g++", "-O0", "-shared", "-fPIC", "-Wl,-soname,libx.so", tmp_path / "x.cc", "-o", library]
    subprocess.run(command, check=True, capture_output=True)
    replace(library)
    listed = subprocess.run(["nm", "-D", library], check=True, capture_output=True, text=True).stdout
    assert [line.split()[-1] for line in listed.splitlines()] == ["grow"]
