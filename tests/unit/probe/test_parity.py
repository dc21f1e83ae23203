"""What loads and imports in a folder with this machine's own interpreter, and what a hostile report may say."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from slimtorch.errors import MachineError, ToolError
from slimtorch.host.process import run
from slimtorch.probe import parity, place
from slimtorch.probe.parity import Order, Outcome

GOOD, OTHER = "a" * 64, "b" * 64


def observed(site: Path, order: Order) -> Outcome:
    found = place.of_folder(site, Path(sys.executable))
    assert found is not None
    return parity.observe(found, place.start(found, run), order)


def test_each_import_has_its_reason(tmp_path: Path) -> None:
    for name, text in {
        "fine": "import json",
        "absent": "import no_such_module",
        "leaves": "import sys; sys.exit(3)",
        "dies": "import os; os.kill(os.getpid(), 11)",
        "ends": "import os; os._exit(0)",
        "talks": "import os; print('{}'); os.write(1, b'{}\\n' * 99)",
        "last": "",
    }.items():
        (tmp_path / f"{name}.py").write_text(text)
    names = ("fine", "absent", "leaves", "dies", "ends", "talks", "last", "nowhere")
    assert observed(tmp_path, Order(imports=names)).imports == {
        "fine": "",
        "absent": "ModuleNotFoundError: No module named 'no_such_module'",
        "leaves": "SystemExit: 3",
        "dies": "the process was ended by signal 11",
        "ends": "the process ended itself",
        "talks": "",
        "last": "",
        "nowhere": "ModuleNotFoundError: No module named 'nowhere'",
    }


def test_nothing_is_written_beside_the_modules(tmp_path: Path) -> None:
    (tmp_path / "fine.py").write_text("")
    observed(tmp_path, Order(imports=("fine",)))
    assert [path.name for path in tmp_path.iterdir()] == ["fine.py"]


def test_a_library_that_is_none_is_named_without_its_folder(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/broken.so").write_bytes(b"no library")
    assert observed(tmp_path, Order(("lib/broken.so",))).libraries == {"lib/broken.so": "lib/broken.so: file too short"}


def test_modules_of_the_interpreters_own_site_do_not_count(tmp_path: Path) -> None:
    assert observed(tmp_path, Order(imports=("pytest",))).imports["pytest"].startswith("ModuleNotFoundError")


def test_an_interpreter_that_does_not_start(tmp_path: Path) -> None:
    found = place.of_folder(tmp_path, Path("/bin/false"))
    assert found is not None
    with pytest.raises(MachineError, match="/bin/false cannot be started on this machine"):
        place.start(found, run)


def test_the_interpreter_beside_a_folder(tmp_path: Path) -> None:
    site = tmp_path / "lib/python3.11/site-packages"
    site.mkdir(parents=True)
    assert place.of_folder(site) is None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(sys.executable)
    found = place.of_folder(site)
    assert found is not None
    assert found.python == str(tmp_path / "bin/python3")
    assert place.of_folder(tmp_path / "lib") is None


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"hello",
        b"[]",
        b"{}",
        b'{"libraries": [], "imports": {}, "numbers": {}}',
        b'{"libraries": {"a": 1}, "imports": {}, "numbers": {}}',
        b"[" * 100_000,
        b'{"libraries": {}, "imports": {}}',
    ],
)
def test_what_is_no_report(output: bytes) -> None:
    with pytest.raises(ToolError, match="gave no report"):
        parity.parse(output, Order(), "/")


def test_a_report_says_only_what_was_asked() -> None:
    said = {"libraries": {"/x.so": "\x1b[2J/y: bad\n", "/extra.so": ""}, "imports": {}, "numbers": {"fft": GOOD}}
    found = parity.parse(json.dumps(said).encode(), Order(("x.so",), ("torch",)), "/")
    assert found.libraries == {"x.so": " [2J/y: bad "}
    assert found.imports == {"torch": "no answer"}
    assert found.numbers == {"fft": GOOD}


def test_differences() -> None:
    before = Outcome(
        {"fine": "", "needs driver": "libcuda.so.1: cannot open", "other": "x", "mended": "x", "breaks": ""},
        {"torch": "", "broken": "x", "gone": ""},
        {"same": GOOD, "other": GOOD, "fails": GOOD, "failed": "Error: a", "failed otherwise": "Error: a", "now": "E"},
    )
    after = Outcome(
        {"fine": "", "needs driver": "libcuda.so.1: cannot open", "other": "y", "mended": "", "breaks": "undefined"},
        {"torch": "", "broken": "y"},
        {"same": GOOD, "other": OTHER, "fails": "E", "failed": "Error: a", "failed otherwise": "Error: b", "now": GOOD},
    )
    found = [(difference.kind, difference.name) for difference in parity.differences(before, after)]
    assert found == [
        ("libraries", "other"),
        ("libraries", "breaks"),
        ("imports", "gone"),
        ("numbers", "other"),
        ("numbers", "fails"),
        ("numbers", "failed otherwise"),
    ]
