"""The proof by running, on small folders with this machine's interpreter and no torch."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from slimtorch.elf import file
from slimtorch.errors import ProofError
from slimtorch.host.process import run
from slimtorch.inventory.files import of_directory
from slimtorch.probe import parity, place
from slimtorch.slim.model import Ledger, Pass, Saving, Subject
from slimtorch.slim.proof import clone, dynamic, trials

PYTHON = Path(sys.executable)


class Tree:
    """A site-packages folder, and what becomes of it."""

    def __init__(self, root: Path, files: dict[str, str]) -> None:
        self.root = root
        for path, text in files.items():
            (root / "site" / path).parent.mkdir(parents=True, exist_ok=True)
            (root / "site" / path).write_text(text)

    def prove(self, *savings: Saving, changed: dict[str, Path | None] | None = None) -> Ledger:
        ledger = Ledger("safe", (), 0, 0, savings)
        files = of_directory(self.root, owners=False)
        binaries = {}
        for path in files:
            if path.endswith(".so") and (facts := file.facts((self.root / path).open("rb"))):
                binaries[path] = facts
        subject = Subject(files, ("site",), {}, binaries)
        gone: dict[str, Path | None] = {saving.path: None for saving in savings if not saving.after}
        with clone.of(self.root, {**gone, **(changed or {})}) as after:
            first = place.of_folder(self.root, PYTHON, ("site",))
            second = place.of_folder(after, PYTHON, ("site",))
            return dynamic.prove(ledger, subject, first, second, run)


def gone(path: str, by: Pass = Pass.PATHS) -> Saving:
    return Saving(by, f"site/{path}", "", 1, 0, "")


def test_what_nothing_needs_may_go(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root", {"a/__init__.py": "", "a/tests/t.py": "1/0", "b.py": "import a"})
    proven = tree.prove(gone("a/tests/t.py"))
    assert proven.savings[0].proof == ("imports as before",)
    assert proven.notes[0].text == "run in its own interpreter: 0 libraries load, 2 modules import"


def test_what_a_module_needs_may_not(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root", {"a/__init__.py": "import a.tests.t", "a/tests/t.py": ""})
    with pytest.raises(ProofError, match="nothing was written") as caught:
        tree.prove(gone("a/tests/t.py"))
    text = "import a worked, and now: ModuleNotFoundError: No module named 'a.tests'"
    assert caught.value.failures == (("paths", "site/a/tests/t.py", text),)


def test_a_removed_module_is_named_with_its_pass(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root", {"torch/__init__.py": "import sympy", "sympy/__init__.py": ""})
    with pytest.raises(ProofError) as caught:
        tree.prove(gone("sympy/__init__.py", Pass.PACKAGES))
    assert caught.value.failures[0][:2] == ("packages", "site/sympy/__init__.py")


def test_a_package_given_up_may_take_along_what_needs_it(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root", {"plots/__init__.py": "import sympy", "sympy/__init__.py": "", "numpy.py": ""})
    proven = tree.prove(gone("sympy/__init__.py", Pass.TRACED))
    assert proven.notes[0].text.endswith("1 modules import; given up with what the service does not reach: plots")
    with pytest.raises(ProofError):
        tree.prove(gone("sympy/__init__.py", Pass.PATHS))


@pytest.mark.parametrize(
    "said",
    [
        "module 'torch._dynamo' has no attribute 'disable'",
        "cannot import name 'x' from 'torch._dynamo' (unknown location)",
    ],
)
def test_a_folder_without_its_init_is_what_the_pass_left(said: str) -> None:
    ledger = Ledger("safe", (), 0, 0, (gone("torch/_dynamo/__init__.py", Pass.TRACED),))
    difference = parity.Difference("numbers", "training", "OSError: Read-only file system", said)
    assert not list(trials.failures([difference], ledger))
    by_rule = replace(ledger, savings=(gone("torch/_dynamo/__init__.py"),))
    assert [failure[:2] for failure in trials.failures([difference], by_rule)] == [
        ("paths", "site/torch/_dynamo/__init__.py")
    ]


def test_what_failed_before_may_fail(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root", {"a.py": "import nothing", "b/__init__.py": "", "b/c.py": ""})
    assert tree.prove(gone("b/c.py")).savings[0].proof


def test_without_an_interpreter_the_ledger_says_so(tmp_path: Path) -> None:
    ledger = Ledger("safe", (), 0, 0, (gone("x"),))
    subject = Subject(of_directory(tmp_path, owners=False), ("site",), {}, {})
    proven = dynamic.prove(ledger, subject, None, None, run)
    assert proven.savings[0].proof == ("not run here: there is no interpreter beside the folder",)
    broken = place.of_folder(tmp_path, Path("/bin/false"))
    proven = dynamic.prove(ledger, subject, broken, broken, run)
    assert proven.notes[0].text.startswith("not run here: /bin/false cannot be started on this machine")


def test_an_interpreter_that_only_starts_before(tmp_path: Path) -> None:
    tree = Tree(tmp_path / "root", {"a.py": ""})
    subject = Subject(of_directory(tree.root, owners=False), ("site",), {}, {})
    first = place.of_folder(tree.root, PYTHON, ("site",))
    second = place.of_folder(tree.root, Path("/bin/false"), ("site",))
    with pytest.raises(ProofError, match="the interpreter ran, and now: /bin/false cannot be started"):
        dynamic.prove(Ledger("safe", (), 0, 0, ()), subject, first, second, run)


def test_top_modules(tmp_path: Path) -> None:
    names = [
        "a.py",
        "b/__init__.py",
        "c.cpython-311-x86_64-linux-gnu.so",
        "d/e.py",
        "_f.py",
        "tests/__init__.py",
        "g-h.py",
    ]
    tree = Tree(tmp_path / "root", dict.fromkeys(names, ""))
    subject = Subject(of_directory(tree.root, owners=False), ("site",), {}, {})
    assert sorted(trials.top_modules(subject)) == ["a", "b", "c"]
