from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.findings import Location
from slimtorch.inventory.code.model import Code, Form, Import, Role
from slimtorch.project.model import Slim
from slimtorch.slim.model import Drop, Note, Pass, Policy
from slimtorch.slim.passes import traced
from tests.support.traces import PROGRAM, SITE, installed, record, used

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.slim.model import Subject
    from slimtorch.slim.trace import Used

PACKAGE = {
    "big/__init__.py": b"",
    "big/__pycache__/__init__.cpython-311.pyc": b"x",
    "big/core.py": b"1",
    "big/__pycache__/core.cpython-311.pyc": b"xx",
    "big/rare.py": b"import big.core\n",
    "big/__pycache__/rare.cpython-311.pyc": b"xx",
    "big/_fast.cpython-311-x86_64-linux-gnu.so": b"ELF",
    "big/table.bin": b"data",
    "big/NOTICE": b"thanks",
    "big/train/__init__.py": b"2",
    "big/train/loop.py": b"3",
    "big/train/LICENSE.txt": b"4",
    "big/train/cacert.pem": b"5",
    "big/train/schedule.json": b"6",
    "big/lib/libslow.so": b"ELF",
    "big/lib/tool": b"ELF",
}
CORE = ("big/__pycache__/__init__.cpython-311.pyc", "big/__pycache__/core.cpython-311.pyc")


def propose(subject: Subject, path: Path) -> tuple[dict[str, Drop], list[str]]:
    """Drops by path below site-packages, and the texts of the notes."""
    found = list(traced.propose(subject, Policy(Slim(traced=path))))
    drops = {one.path.removeprefix(f"{SITE}/"): one for one in found if isinstance(one, Drop)}
    assert all(one.done_by is Pass.TRACED and one.reason for one in drops.values())
    return drops, [one.text for one in found if isinstance(one, Note)]


def test_without_a_record_nothing_is_proposed() -> None:
    assert list(traced.propose(installed({"big==1": PACKAGE}), Policy(Slim()))) == []


def test_a_package_that_was_never_touched_goes_whole_but_for_its_papers_and_licences(tmp_path: Path) -> None:
    files = {"sympy/__init__.py": b"1", "sympy/core.py": b"2", "sympy/libx.so": b"3", "sympy/COPYING": b"4"}
    subject = installed({"sympy==1.14": files, "big==1": PACKAGE})
    drops, notes = propose(subject, record(tmp_path, used("sympy==1.14"), used("big==1", *PACKAGE)))
    assert set(drops) == {"sympy/__init__.py", "sympy/core.py", "sympy/libx.so"}
    assert {drop.reason for drop in drops.values()} == {"nothing of sympy was touched in 2 runs (the probe, odd input)"}
    assert {drop.rule for drop in drops.values()} == {"package"}
    assert notes == []


def test_of_a_package_that_was_used_folders_go_and_then_modules(tmp_path: Path) -> None:
    libraries: dict[str, tuple[str, ...]] = {"big/lib/libslow.so": (), "big/_fast.cpython-311-x86_64-linux-gnu.so": ()}
    drops, notes = propose(installed({"big==1": PACKAGE}, libraries), record(tmp_path, used("big==1", *CORE)))
    assert {path: drop.rule for path, drop in drops.items()} == {
        "big/rare.py": "module",
        "big/__pycache__/rare.cpython-311.pyc": "module",
        "big/_fast.cpython-311-x86_64-linux-gnu.so": "module",
        "big/train/__init__.py": "folder",
        "big/train/loop.py": "folder",
        "big/train/schedule.json": "folder",
        "big/lib/tool": "folder",
    }
    assert drops["big/train/loop.py"].reason.startswith("nothing in big/train was touched in 2 runs")
    assert notes == [
        "big: 1 libraries and programs that were never opened stay, because they may be loaded or looked for by name"
    ]


def test_what_was_only_looked_for_beside_what_was_used_stays(tmp_path: Path) -> None:
    seen = used("big==1", *CORE, asked_for=["big/train/loop.py"])
    drops, _ = propose(installed({"big==1": PACKAGE}), record(tmp_path, seen))
    assert "big/train/loop.py" not in drops
    assert "big/train/schedule.json" not in drops  # data beside it
    assert "big/rare.py" in drops


def test_programs_stay_where_nobody_saw_what_python_looks_for(tmp_path: Path) -> None:
    subject = installed({"big==1": PACKAGE}, {"big/lib/tool": (PROGRAM,)})
    assert "big/lib/tool" not in propose(subject, record(tmp_path, used("big==1", *CORE)))[0]
    seen = used("big==1", *CORE, modules=["big", "big.core"])
    assert "big/lib/tool" in propose(subject, record(tmp_path, seen))[0]


def test_a_library_that_one_which_stays_needs_stays_also_in_a_package_that_goes(tmp_path: Path) -> None:
    maths = {"maths/libm1.so.1": b"1", "maths/libm2.so.2": b"2", "maths/libother.so": b"3"}
    needs = {
        "big/lib/libslow.so": ("libm1.so.1", "libc.so.6"),
        "maths/libm1.so.1": ("libm2.so.2",),
        "maths/libm2.so.2": (),
        "maths/libother.so": (),
    }
    subject = installed({"big==1": PACKAGE, "maths==1": maths}, needs)
    drops, _ = propose(subject, record(tmp_path, used("big==1", *CORE), used("maths==1")))
    assert {path for path in drops if path.startswith("maths/")} == {"maths/libother.so"}


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (used("big==2", *CORE), "big 1 is not in the trace and stays as it is"),
        (
            used("big==1", "big/_c.cpython-312-aarch64-linux-gnu.so"),
            "the trace saw big/_c.cpython-312-aarch64-linux-gnu.so",
        ),
    ],
)
def test_a_record_of_something_else_takes_nothing_out(tmp_path: Path, seen: Used, said: str) -> None:
    drops, notes = propose(installed({"big==1": PACKAGE}), record(tmp_path, seen))
    assert drops == {}
    assert said in notes[0]
    assert notes[-1] == "trace.json is of other packages than these: it takes nothing out"


def test_versions_and_names_are_compared_as_python_compares_them(tmp_path: Path) -> None:
    drops, notes = propose(installed({"my-pack==1.0": {"my_pack.py": b"1"}}), record(tmp_path, used("My_Pack==1.0.0")))
    assert (set(drops), notes) == ({"my_pack.py"}, [])


def test_packages_of_the_table_stay_and_say_why(tmp_path: Path) -> None:
    subject = installed({"certifi==1": {"certifi/cacert.pem": b"x"}, "tzdata==1": {"tzdata/zones": b"x"}})
    drops, notes = propose(subject, record(tmp_path, used("certifi==1"), used("tzdata==1")))
    assert drops == {}
    assert notes[0].startswith("certifi stays: its certificates")


def test_a_package_that_was_looked_for_or_asked_for_stays(tmp_path: Path) -> None:
    files = {name: {f"{name[0]}.py": b"1"} for name in ("a==1", "b==1", "c==1")}
    seen = [used("a==1", asked_for=["a.py"]), used("b==1", "b-1.dist-info/METADATA"), used("c==1")]
    drops, notes = propose(installed(files), record(tmp_path, *seen))
    assert set(drops) == {"c.py"}
    assert notes == [
        "a stays: it was looked for, although nothing of it was opened",
        "b stays: its version was asked for",
    ]


def test_who_lists_every_package_asks_for_none(tmp_path: Path) -> None:
    files = {name: {f"{name[0]}.py": b"1"} for name in ("a==1", "b==1")}
    seen = [used("a==1", "a-1.dist-info/METADATA", "a.py"), used("b==1", "b-1.dist-info/METADATA")]
    assert set(propose(installed(files), record(tmp_path, *seen))[0]) == {"b.py"}


def code(*modules: str) -> Code:
    imports = tuple(Import(name, (), Location("serve.py"), Form.LAZY, Role.SERVICE) for name in modules)
    return Code(1, imports, (), (), frozenset())


def test_what_the_services_code_imports_stays_with_what_that_imports(tmp_path: Path) -> None:
    files = {
        "nightly/__init__.py": b"",
        "nightly/job.py": b"from nightly import report\nimport helper\n\ndef f():\n    import unused\n",
        "nightly/report.py": b"",
        "nightly/web.py": b"x",
        "helper.py": b"y",
        "unused.py": b"z",
    }
    subject = installed({"nightly==1": files}, code=code("nightly.job"))
    drops, notes = propose(subject, record(tmp_path, used("nightly==1")))
    assert set(drops) == {"nightly/web.py", "unused.py"}
    assert notes == ["nightly: no run used it; what the service's own code imports of it stays"]


GPU = {"nvidia-nvtx==12": {"nvidia/nvtx/libnvtx.so": b"1"}, "triton==3": {"triton/__init__.py": b"2"}}


@pytest.mark.parametrize(
    ("compiles", "gone"), [(None, set()), (frozenset({"c"}), set()), (frozenset(), {"triton/__init__.py"})]
)
def test_without_a_gpu_only_what_needs_none_goes(
    tmp_path: Path, compiles: frozenset[str] | None, gone: set[str]
) -> None:
    subject = installed({"big==1": PACKAGE, "pure==1": {"pure.py": b"1"}, **GPU}, compiles=compiles)
    seen = (used("big==1", *CORE), used("pure==1"), used("nvidia-nvtx==12"), used("triton==3"))
    drops, notes = propose(subject, record(tmp_path, *seen))
    assert set(drops) == {"pure.py"} | gone
    assert notes[0].startswith("there was no GPU")
    assert "big/rare.py" in propose(subject, record(tmp_path, *seen, gpu=True))[0]
