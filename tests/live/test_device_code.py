"""Real libraries against cuobjdump, which has never seen our code: what is in them, and what is left after pruning.

The wheels are downloaded as pip is configured. ``python -m tests.live.test_device_code`` writes the table of counts
anew, from cuobjdump alone for the originals; look at the difference before it is committed.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from slimtorch.elf import headers as elf_headers
from slimtorch.elf import rewrite
from slimtorch.elf.fatbin import agree, find
from slimtorch.elf.fatbin.prune import Pruning, prune
from slimtorch.elf.reading import opened
from slimtorch.sources import uv
from slimtorch.sources.indexes import configured, uv_environment
from slimtorch.tables.gpus import Gpu
from slimtorch.tables.gpus import find as gpu
from tests.support.cuobjdump import Cuobjdump

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("device code")]
TABLE = Path(__file__).with_name("device_code.json")
TOOLS = ("nvidia-cuda-cuobjdump==13.5.37",)
WHEELS = ("torch==2.14.1", "nvidia-curand-cu12==10.3.10.19")
"""CUDA 13, packed with zstd; CUDA 12, packed with LZ4."""
PRUNED_TO = ("h100", "a100", "b300")
LOADS_ALONE = "libcurand.so.10"


class Shelf:
    """The installed wheels, and pruned copies of their libraries."""

    def __init__(self, root: Path) -> None:
        self.root = root
        environ = uv_environment(configured(os.environ, Path.home()), os.environ)
        argv = [uv.binary(), "pip", "install", "--quiet", "--no-deps", "--no-config", "--target", str(root / "site")]
        platform = [
            "--python",
            sys.executable,
            "--python-version",
            "3.11",
            "--python-platform",
            "x86_64-manylinux_2_28",
        ]
        asked = [*argv, *platform, *WHEELS, *TOOLS]
        result = subprocess.run(asked, env=environ, capture_output=True, text=True, check=False, timeout=1200)
        if result.returncode:
            raise LookupError(result.stderr.strip().splitlines()[-1])
        self.cuobjdump = Cuobjdump(next((root / "site").glob("nvidia/*/bin/cuobjdump")))
        self.cuobjdump.program.chmod(0o755)

    def libraries(self) -> dict[str, Path]:
        """Every library with device code, by its path."""
        found = {}
        for path in sorted((self.root / "site").rglob("*.so*")):
            if path.is_symlink() or path.suffix == ".py":
                continue
            with opened(path) as source:
                headers = elf_headers.read(source)
                if headers and any(headers.section(name) for name in find.FATBIN_SECTIONS):
                    found[path.relative_to(self.root / "site").as_posix()] = path
        return found

    def pruned(self, library: Path, name: str) -> tuple[Path, Pruning, tuple[str, ...]]:
        """The library with the code of one GPU, what was done, and what the proof says of it."""
        target = self.root / f"{library.name}.{name}"
        wanted = gpus(name)
        with opened(library) as source, target.open("wb") as stream:
            headers = elf_headers.read(source)
            assert headers is not None
            done = prune(source, headers, wanted)
            splice = rewrite.rewrite(source, headers, replace(done.changes, bare=True))
            splice.write(source.descriptor, stream.fileno())
            stream.flush()
            with opened(target) as result:
                return target, done, agree.complaints(source, result, wanted)


def gpus(name: str) -> tuple[Gpu, ...]:
    found = gpu(name)
    assert found is not None
    return (found,)


def ours(library: Path) -> dict[str, int]:
    """What our own reader counts in the sections that cuobjdump looks at, called as cuobjdump calls it."""
    with opened(library) as source:
        headers = elf_headers.read(source)
        assert headers is not None
        containers = [one for one in find.containers(source, headers) if one.section in find.FATBIN_SECTIONS]
    return dict(sorted(Counter(code.name.removesuffix("f") for one in containers for code in one.codes).items()))


@pytest.fixture(scope="module")
def shelf() -> Iterator[Shelf]:
    root = Path(tempfile.mkdtemp(prefix="device-code-"))
    try:
        yield Shelf(root)
    except LookupError as error:
        pytest.skip(f"no configured source serves {', '.join((*WHEELS, *TOOLS))}: {error}")
    finally:
        shutil.rmtree(root)


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(TABLE.read_text())
    return loaded


def test_every_library_with_device_code_is_in_the_table(shelf: Shelf, table: dict[str, Any]) -> None:
    assert list(shelf.libraries()) == list(table["libraries"])


def test_entries_are_counted_as_cuobjdump_counts_them(shelf: Shelf, table: dict[str, Any]) -> None:
    for name, library in shelf.libraries().items():
        assert shelf.cuobjdump.counts(library) == ours(library) == table["libraries"][name]["original"], name


@pytest.mark.parametrize("name", PRUNED_TO)
def test_pruned_libraries_hold_what_the_table_says(shelf: Shelf, table: dict[str, Any], name: str) -> None:
    for path, library in shelf.libraries().items():
        result, done, complaints = shelf.pruned(library, name)
        wanted = table["libraries"][path][name]
        assert complaints == ()
        assert shelf.cuobjdump.counts(result) == ours(result) == wanted["entries"], path
        assert result.stat().st_size == wanted["bytes"], path
        assert [one.name for one in done.uncovered] == wanted["uncovered"]
        result.unlink()


@pytest.mark.parametrize(
    ("library", "name", "code"),
    [
        ("torch/lib/libtorch_cuda_linalg.so", "h100", "sm_90"),
        ("torch/lib/libtorch_cuda_linalg.so", "b300", "sm_100"),
        ("torch/lib/libtorch_nvshmem.so", "h100", "sm_90"),
        ("torch/lib/libtorch_cuda.so", "h100", "sm_90a"),
        ("nvidia/curand/lib/libcurand.so.10", "h100", "sm_90"),
        ("nvidia/curand/lib/libcurand.so.10", "a100", "sm_80"),
    ],
)
def test_what_is_kept_is_the_same_code(shelf: Shelf, tmp_path: Path, library: str, name: str, code: str) -> None:
    original = shelf.root / "site" / library
    result, _, _ = shelf.pruned(original, name)
    before = shelf.cuobjdump.cubins(original, code, tmp_path / "before")
    after = shelf.cuobjdump.cubins(result, code, tmp_path / "after")
    assert before
    assert after == before
    result.unlink()


def test_the_largest_library_is_small_enough(shelf: Shelf) -> None:
    library = shelf.root / "site/torch/lib/libtorch_cuda.so"
    result, _, _ = shelf.pruned(library, "h100")
    assert result.stat().st_size <= 0.31 * library.stat().st_size


def test_a_second_run_changes_nothing(shelf: Shelf) -> None:
    result, _, _ = shelf.pruned(shelf.root / "site/torch/lib/libtorch_cuda.so", "h100")
    with opened(result) as source:
        headers = elf_headers.read(source)
        assert headers is not None
        assert prune(source, headers, gpus("h100")).changes == rewrite.Changes()


@pytest.mark.parametrize("name", PRUNED_TO)
def test_the_loader_takes_it(shelf: Shelf, name: str) -> None:
    (library,) = (path for path in shelf.libraries().values() if path.name == LOADS_ALONE)
    result, _, _ = shelf.pruned(library, name)
    loaded = ctypes.CDLL(str(result))
    version = ctypes.c_int()
    assert loaded.curandGetVersion(ctypes.byref(version)) == 0
    assert version.value > 0


def _counted(shelf: Shelf) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for path, library in shelf.libraries().items():
        rows[path] = {"original": shelf.cuobjdump.counts(library), "bytes": library.stat().st_size}
        for name in PRUNED_TO:
            result, done, complaints = shelf.pruned(library, name)
            assert complaints == ()
            rows[path][name] = {
                "bytes": result.stat().st_size,
                "uncovered": [one.name for one in done.uncovered],
                "entries": shelf.cuobjdump.counts(result),
            }
            result.unlink()
    return rows


def _write() -> None:
    with tempfile.TemporaryDirectory(prefix="device-code-") as root:
        rows = _counted(Shelf(Path(root)))
    about = (
        "Entries by architecture as cuobjdump counts them, and bytes of the file, before and after pruning to one GPU."
    )
    TABLE.write_text(json.dumps({"about": about, "wheels": WHEELS, "libraries": rows}, indent=1) + "\n")


if __name__ == "__main__":
    _write()
