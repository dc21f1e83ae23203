"""The proof by running with the real torch: what is alike passes, and each way to break it is found and named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bench.gpu_parity.__main__ import bundle

from slimtorch.elf import file
from slimtorch.errors import ProofError
from slimtorch.host.process import run
from slimtorch.inventory.files import of_directory
from slimtorch.probe import place
from slimtorch.slim.model import Ledger, Pass, Saving, Subject
from slimtorch.slim.proof import clone, dynamic
from tests.support import torches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.probe.place import Place

pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(torches.missing()), reason=torches.missing())]
NEEDED = ("torch", "torchgen", "numpy", "sympy", "mpmath", "networkx", "jinja2", "markupsafe", "fsspec", "filelock")
LIBRARY = "site/torch/lib/libc10.so"


@dataclass(frozen=True)
class Torch:
    """torch and what it needs, in a folder of its own."""

    root: Path
    before: Place
    subject: Subject
    work: Path

    def prove(self, savings: list[Saving], changed: dict[str, Path | None]) -> Ledger:
        """What the proof says after these changes."""
        with clone.of(self.root, changed) as made:
            after = place.of_folder(made, Path(self.before.python), ("site",))
            return dynamic.prove(Ledger("safe", (), 0, 0, tuple(savings)), self.subject, self.before, after, run)


@pytest.fixture(scope="module")
def torch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Torch]:
    site = torches.site()
    assert site is not None
    python = place.python_beside(site)
    assert python is not None
    work = tmp_path_factory.mktemp("torch")
    root = work / "root"
    (root / "site").mkdir(parents=True)
    for source in [*site.iterdir()]:
        if source.name.split(".")[0] in {*NEEDED, "typing_extensions"}:
            target = root / "site" / source.name
            clone.make(source, target, {}) if source.is_dir() else shutil.copy2(source, target)
    files = of_directory(root, owners=False)
    binaries = {}
    for path in files:
        if ".so" in path:
            with (root / path).open("rb") as stream:
                binaries |= {path: facts} if (facts := file.facts(stream)) else {}
    before = place.of_folder(root, python, ("site",))
    assert before is not None
    yield Torch(root, before, Subject(files, ("site",), {}, binaries), work)
    shutil.rmtree(work)


def trimmed(path: str, by: Pass = Pass.SYMBOLS) -> Saving:
    return Saving(by, path, "", 2, 1, "")


def test_the_same_library_gives_the_same_numbers(torch: Torch) -> None:
    copy = torch.work / "copy.so"
    shutil.copy2(torch.root / LIBRARY, copy)
    proven = torch.prove([trimmed(LIBRARY), trimmed(LIBRARY, Pass.DEVICE_CODE)], {LIBRARY: copy})
    assert [saving.proof for saving in proven.savings] == [("loads",), ("loads; kernels not run",)]
    said = proven.notes[0].text
    assert "given up" not in said
    assert int(said.split(", ")[2].split()[0]) > 40, said
    assert "operator families give the same bytes on the CPU" in said


def test_a_library_with_a_hole_in_its_code_is_found(torch: Torch) -> None:
    broken = torch.work / "broken.so"
    shutil.copy2(torch.root / LIBRARY, broken)
    size = broken.stat().st_size
    with broken.open("r+b") as stream:
        stream.seek(size // 3)
        stream.write(bytes(size // 3))
    with pytest.raises(ProofError) as caught:
        torch.prove([trimmed(LIBRARY)], {LIBRARY: broken})
    assert ("symbols", LIBRARY) in {failure[:2] for failure in caught.value.failures}


def test_a_missing_library_is_named_with_its_pass(torch: Torch) -> None:
    gone = Saving(Pass.PATHS, LIBRARY, "", 1, 0, "")
    with pytest.raises(ProofError) as caught:
        torch.prove([gone], {LIBRARY: None})
    assert ("paths", LIBRARY) in {failure[:2] for failure in caught.value.failures}


def test_other_numbers_are_found(torch: Torch) -> None:
    path = "site/torch/nn/functional.py"
    other = torch.work / "functional.py"
    text = (torch.root / path).read_text()
    assert "def normalize(" in text
    other.write_text(
        text + "\n_normalize = normalize\ndef normalize(*a, **k): return _normalize(*a, **k) * (1 + 1e-6)\n"
    )
    with pytest.raises(ProofError) as caught:
        torch.prove([], {path: other})
    assert [failure[2].split(" on the CPU")[0] for failure in caught.value.failures] == ["torch's norms"]


def test_a_package_that_only_some_families_need_may_be_given_up(torch: Torch) -> None:
    # torch's optimisers import its compiler, and that sympy: a service that only infers reaches neither.
    gone = [path for path in torch.subject.files if path.startswith("site/sympy/") and path.endswith(".py")]
    proven = torch.prove([Saving(Pass.PACKAGES, path, "", 1, 0, "") for path in gone], {"site/sympy": None})
    given_up = proven.notes[0].text.partition("given up with what the service does not reach: ")[2].split(", ")
    assert "training" in given_up
    assert not {"matmul-fp32", "conv-2d", "save-load", "torch"} & set(given_up)
    with pytest.raises(ProofError):
        torch.prove([Saving(Pass.PATHS, path, "", 1, 0, "") for path in gone], {"site/sympy": None})


def test_the_bundle_records_and_compares_on_its_own(torch: Torch, tmp_path: Path) -> None:
    program, first, second = tmp_path / "gpu_parity.pyz", tmp_path / "a.json", tmp_path / "b.json"
    bundle(program)
    assert {name.split("/")[0] for name in zipfile.ZipFile(program).namelist()} == {"operators", "__main__.py"}
    start = f"import sys, runpy; sys.path.insert(0, {str(torch.root / 'site')!r}); del sys.argv[0]"
    code = f"{start}; runpy.run_path(sys.argv[0], run_name='__main__')"

    def call(*words: object) -> int:
        argv = [torch.before.python, "-I", "-S", "-c", code, str(program), *map(str, words)]
        return subprocess.run(argv, check=False, timeout=300).returncode

    for path in (first, second):
        assert call("record", path, "--device", "cpu", "--quick") == 0
    recorded = json.loads(first.read_text())["families"]
    assert len(recorded) > 40
    assert [name for name, row in recorded.items() if "error" in row] == []
    compared = [sys.executable, str(program), "compare", str(first), str(second)]
    assert subprocess.run(compared, check=False, timeout=60).returncode == 0
    fft = subprocess.run([*compared, "--expect-missing", "fft-*=cufft"], check=False, capture_output=True, timeout=60)
    assert fft.returncode == 1
    assert b"fft-real: should fail with an error that names cufft, and works" in fft.stdout
    recorded["norms"]["digest"] = "0"
    second.write_text(json.dumps({**json.loads(second.read_text()), "families": recorded}))
    assert subprocess.run(compared, check=False, timeout=60).returncode == 1
    assert call("record", tmp_path / "c.json", "--device", "cuda") == 2
