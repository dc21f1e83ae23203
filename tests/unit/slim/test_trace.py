from __future__ import annotations

import pytest

from slimtorch.slim import trace as traces
from slimtorch.slim.trace import Run, Trace
from tests.support.traces import SITE, installed, used

PYC = "__pycache__/{}.cpython-311.pyc"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("a/__pycache__/b.cpython-311.pyc", "a/b.py"),
        ("__pycache__/six.cpython-311.opt-1.pyc", "six.py"),
        ("a/b.pyc", "a/b.pyc"),
        ("a/b.py", "a/b.py"),
    ],
)
def test_the_source_of_bytecode(path: str, source: str) -> None:
    assert traces.source_of(path) == source


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("a/__init__.py", "a"),
        ("a/b.py", "a.b"),
        ("a/__pycache__/b.cpython-311.pyc", "a.b"),
        ("a/_c.cpython-311-x86_64-linux-gnu.so", "a._c"),
        ("a/_c.abi3.so", "a._c"),
        ("six.py", "six"),
        ("a/data.json", ""),
        ("a-1.0.dist-info/x.py", ""),
        ("a/lib.so.1", ""),
        ("../../../bin/tool.py", ""),
    ],
)
def test_the_module_that_a_file_is(path: str, module: str) -> None:
    assert traces.module_of(path) == module


def packages(opened: list[str], asked_for: list[str], imports: dict[str, str]) -> dict[str, traces.Used]:
    files = {"a/__init__.py": b"1", f"a/{PYC.format('__init__')}": b"22", "a/b.py": b"333", "a/c.txt": b"4444"}
    subject = installed({"a==1": files, "other==2": {"other.py": b"5"}})
    owned = traces.owned(subject.files, subject.sites, subject.owners)
    paths = [frozenset(f"{SITE}/{path}" for path in found) for found in (opened, asked_for)]
    return traces.packages(subject.files, owned, paths[0], paths[1], imports)


def test_what_was_used_is_counted_for_its_package() -> None:
    found = packages([f"a/{PYC.format('__init__')}"], ["a/__init__.py", "a/c.txt"], {"a": "__main__", "nowhere": "a"})
    assert found["a==1"].opened == {f"a/{PYC.format('__init__')}": 2}
    assert found["a==1"].asked_for == {"a/__init__.py": 1, "a/c.txt": 4}
    assert found["a==1"].touched_size == 7
    assert found["a==1"].modules == {"a"}
    assert found["a==1"].wanted_by == "__main__"
    assert found["other==2"].touched == {}
    assert (found["other==2"].files, found["other==2"].wanted_by) == (4, "")


def test_a_package_that_imports_itself_is_not_its_own_reason() -> None:
    found = packages([], [], {"a.b": "a", "a": "other"})
    assert found["a==1"].wanted_by == "other"
    assert found["a==1"].modules == {"a", "a.b"}


def test_papers_are_not_use() -> None:
    found = packages(["a-1.dist-info/METADATA"], [], {})
    assert found["a==1"].opened
    assert found["a==1"].touched == {}


def test_several_traces_are_one() -> None:
    run = Run("the probe", "fanotify", "runc")
    one = Trace(
        ("sha256:1",), (run,), {"a==1": used("a==1", "a/x.py", asked_for=["a/y.py"], modules=["a.x"])}, gpu=True
    )
    more = {"a==1": used("a==1", "a/y.py", modules=["a.y"]), "b==1": used("b==1")}
    both = traces.merged([one, Trace(("sha256:2",), (run, run), more)])
    assert both.images == ("sha256:1", "sha256:2")
    assert len(both.runs) == 3
    assert both.packages["a==1"].opened.keys() == {"a/x.py", "a/y.py"}
    assert both.packages["a==1"].asked_for == {}
    assert both.packages["a==1"].modules == {"a.x", "a.y"}
    assert "b==1" in both.packages
    assert not both.gpu
