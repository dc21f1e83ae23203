from __future__ import annotations

import pytest

from slimtorch.project.model import Profile
from slimtorch.slim.model import Drop, Pass, Subject
from slimtorch.slim.passes import paths
from tests.support.elf import make_elf
from tests.support.libraries import make_library
from tests.support.subjects import SITE, Packages, gone, make_code, make_subject, notes, policy

TESTED = {
    "kit/__init__.py": "from kit import core\n",
    "kit/core.py": "",
    "kit/tests/__init__.py": "",
    "kit/tests/test_core.py": "",
    "kit/tests/data/table.csv": "1",
}
TESTS = {"kit/tests/__init__.py", "kit/tests/test_core.py", "kit/tests/data/table.csv"}


def proposed(subject: Subject) -> set[str]:
    return gone(paths.propose(subject, policy()))


def test_folders_of_tests_go_with_their_data() -> None:
    assert proposed(make_subject({"kit": TESTED})) == TESTS


@pytest.mark.parametrize(
    "line",
    [
        "from kit.tests import test_core",
        "    from kit.tests.test_core import x",
        "import kit.tests.test_core",
        "from . import (core,\n    tests)",
        "from .tests import test_core",
        'importlib.import_module("kit.tests.test_core")',
        'FOLDER = os.path.join(os.path.dirname(__file__), "tests")',
        'open(root + "/kit/tests/data/table.csv")',
        'NAME = "kit.tests"',
    ],
)
def test_they_stay_where_something_outside_uses_them(line: str) -> None:
    assert not proposed(make_subject({"kit": {**TESTED, "kit/util.py": line}}))


def test_the_service_counts_as_outside() -> None:
    assert not proposed(make_subject({"kit": TESTED}, others={"app/serve.py": "from kit.tests import test_core\n"}))


@pytest.mark.parametrize(
    "line",
    ["# see kit/tests for more", "from other.tests import x", 'NAME = "latests"', 'os.path.join("other/tests")', ""],
)
def test_they_go_where_nothing_does(line: str) -> None:
    assert proposed(make_subject({"kit": {**TESTED, "kit/util.py": line}})) == TESTS


def test_what_tests_that_stay_use_stays() -> None:
    kit = {**TESTED, "kit/more/tests/__init__.py": "", "kit/more/tests/test_x.py": "from kit.tests import data\n"}
    assert proposed(make_subject({"kit": kit})) == TESTS | {"kit/more/tests/__init__.py", "kit/more/tests/test_x.py"}
    used = {**kit, "kit/util.py": "from kit.more.tests import test_x"}
    assert not proposed(make_subject({"kit": used}))


def test_a_folder_called_test_goes_only_when_it_looks_like_one() -> None:
    django = {"web/test/__init__.py": "", "web/test/client.py": "", "web/test/utils.py": "", "web/test/test_x.py": ""}
    assert not proposed(make_subject({"web": django}))
    real = {"web/test/test_a.py": "", "web/test/test_b.py": "", "web/test/__init__.py": ""}
    assert proposed(make_subject({"web": real})) == set(real)


def test_data_called_tests_stays() -> None:
    assert not proposed(make_subject({"sets": {"sets/__init__.py": "", "sets/tests/0001.png": "x"}}))


def test_files_that_nobody_lists_stay_and_bytecode_follows_its_source() -> None:
    others = {
        f"{SITE}/kit/tests/mine.txt": "x",
        f"{SITE}/kit/tests/__pycache__/test_core.cpython-311.pyc": "x",
        f"{SITE}/kit/tests/__pycache__/mine.cpython-311.pyc": "x",
        f"{SITE}/kit/__pycache__/core.cpython-311.pyc": "x",
    }
    found = proposed(make_subject({"kit": TESTED}, others=others))
    assert found == TESTS | {"kit/tests/__pycache__/test_core.cpython-311.pyc"}


def test_headers_stay_where_something_compiles_and_where_nobody_knows() -> None:
    torch = {"torch": {"torch/__init__.py": "", "torch/include/ATen/ATen.h": "", "torch/bin/protoc": ""}}
    assert proposed(make_subject(torch)) == {"torch/include/ATen/ATen.h", "torch/bin/protoc"}
    for compiles in (None, frozenset({"c++"})):
        found = list(paths.propose(make_subject(torch, compiles=compiles), policy()))
        assert gone(found) == {"torch/bin/protoc"}
        assert "1 file (0.0 MB) of the rule torch-headers stay: " in notes(found)[0]


def test_a_system_without_a_compiler_compiles_nothing() -> None:
    torch = {"torch": {"torch/include/ATen/ATen.h": ""}}
    system = {"usr/bin/python3.11": ""}
    assert proposed(make_subject(torch, compiles=None, others=system))
    gcc = system | {"usr/bin/x86_64-linux-gnu-gcc-12": ""}
    assert not proposed(make_subject(torch, compiles=None, others=gcc))


def test_what_import_torch_needs_stays() -> None:
    torch = {
        "torch/testing/__init__.py": "", "torch/testing/tests/test_x.py": "", "torchgen/__init__.py": "",
        "torch/bin/torch_shm_manager": "", "torch/py.typed": "", "torch/_inductor/codegen/tests/a.h": "",
    }  # fmt: skip
    assert not proposed(make_subject({"torch": torch}))


def test_type_stubs_go_unless_the_package_reads_them() -> None:
    plain = {"a/__init__.py": "", "a/__init__.pyi": "", "a/py.typed": ""}
    lazy = {"b/__init__.py": "import lazy_loader\nlazy_loader.attach_stub(__name__, __file__)\n", "b/__init__.pyi": ""}
    assert proposed(make_subject({"a": plain, "b": lazy})) == {"a/__init__.pyi"}


def test_metadata_and_licences_stay() -> None:
    kit = {"kit-1.dist-info/licenses/tests/LICENSE": "", "kit-1.dist-info/RECORD": "", "kit/__init__.pyi": ""}
    assert proposed(make_subject({"kit": kit})) == {"kit/__init__.pyi"}


def test_pip_goes_whole_unless_something_imports_it() -> None:
    pip = {"pip/__init__.py": "", "../../../bin/pip": ""}
    found = proposed(make_subject({"pip": pip}))
    assert found == {"pip/__init__.py", "../../../bin/pip", "pip-1.dist-info/METADATA"}
    user = {"tool/__init__.py": "def f():\n    import pip\n"}
    assert not proposed(make_subject({"pip": pip, "tool": user}))


def test_setuptools_stays_for_whoever_compiles_or_imports_it() -> None:
    packages = {
        "setuptools": {"setuptools/__init__.py": "", "pkg_resources/__init__.py": "", "distutils-precedence.pth": ""},
        "torch": {"torch/utils/cpp_extension.py": "import setuptools\n"},
    }
    assert len(proposed(make_subject(packages))) == 4
    assert not proposed(make_subject(packages, compiles=frozenset({"c++"})))
    assert not proposed(make_subject(packages | {"old": {"old.py": "import pkg_resources\n"}}))


def test_an_import_in_tests_that_go_holds_nothing() -> None:
    packages = {"pip": {"pip/__init__.py": ""}, "kit": {**TESTED, "kit/tests/test_pip.py": "import pip\n"}}
    assert {"pip/__init__.py", "kit/tests/test_pip.py"} <= proposed(make_subject(packages))


MG = "nvidia/cu13/lib/libcusolverMg.so.12"
CUDA: dict[str, str | bytes] = {MG: make_elf(("libcublas.so.13",), soname="libcusolverMg.so.12")}
CATALOGUE: dict[str, str | bytes] = {"cuda/pathfinder/descriptors.py": 'NAMES = ["libcusolverMg.so.12"]\n'}


def test_a_library_goes_that_nothing_loads() -> None:
    packages: Packages = {
        "nvidia-cusolver": CUDA,
        "cuda-pathfinder": CATALOGUE,
        "torch": {"torch/lib/a.so": make_elf(("b.so",))},
    }
    assert proposed(make_subject(packages)) == {MG}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("torch/lib/a.so", make_elf(("libcusolverMg.so.12",))),
        ("torch/lib/a.so", make_elf(("libcusolverMg.so.12",), runpath="$ORIGIN/../../nvidia/cu13/lib")),
        ("torch/lib/a.so", make_library({".rodata": ("r", b"\0libcusolverMg.so.12\0")})),
        ("torch/lib/a.so", make_library({".rodata": ("r", b"\0/usr/local/cuda/lib64/libcusolverMg.so\0")})),
        ("torch/lib/a.so", make_elf() + b"\0libcusolverMg.so.12\0"),
        ("torch/load.py", 'ctypes.CDLL("libcusolverMg.so.12")\n'),
    ],
)
def test_it_stays_where_something_may(name: str, content: str | bytes) -> None:
    assert not proposed(make_subject({"nvidia-cusolver": CUDA, "torch": {name: content}}))


def test_it_stays_where_the_service_may() -> None:
    assert not proposed(
        make_subject({"nvidia-cusolver": CUDA}, code=make_code("cuda.pathfinder.load_nvidia_dynamic_lib"))
    )


def test_a_longer_name_is_another_name() -> None:
    other = make_library({".rodata": ("r", b"\0mylibcusolverMg\0libcusolverMgX.so\0")})
    assert proposed(make_subject({"nvidia-cusolver": CUDA, "torch": {"torch/lib/a.so": other}})) == {MG}


def test_a_copy_goes_where_the_run_path_leads_to_another() -> None:
    folder = "triton/backends/nvidia/lib/cupti-blackwell"
    copy = make_elf(soname="libcupti.so.13")
    triton = {f"{folder}/{name}": copy for name in ("libcupti.so", "libcupti.so.13", "libcupti.so.2026.2.0")}
    torch = {"torch/lib/libtorch_cpu.so": make_elf(("libcupti.so.13",), runpath="$ORIGIN/../../nvidia/cu13/lib")}
    packages = {"triton": triton, "torch": torch, "nvidia-cupti": {"nvidia/cu13/lib/libcupti.so.13": copy}}
    both = {f"{folder}/libcupti.so.13", f"{folder}/libcupti.so.2026.2.0"}
    assert proposed(make_subject(packages)) == both
    # Nowhere else: what is loaded already may be the copy.
    assert not proposed(make_subject({"triton": triton, "torch": torch}))


def test_what_only_a_library_that_goes_loads_goes_too() -> None:
    lib = "nvidia/cu13/lib"
    alt = make_library({".rodata": ("r", b"\0libnvrtc-builtins.alt.so.13.0\0")}, soname="libnvrtc.alt.so.13")
    nvrtc = {f"{lib}/libnvrtc.alt.so.13": alt, f"{lib}/libnvrtc-builtins.alt.so.13.0": make_elf()}
    assert proposed(make_subject({"nvidia-cuda-nvrtc": nvrtc})) == set(nvrtc)
    used = nvrtc | {"x/load.py": '"libnvrtc.alt.so.13"'}
    assert not proposed(make_subject({"nvidia-cuda-nvrtc": used}))


def test_a_program_that_goes_loads_nothing() -> None:
    test = {"torch/bin/test_jit": make_elf(("libtorchbind_test.so",)), "torch/lib/libtorchbind_test.so": make_elf()}
    assert proposed(make_subject({"torch": test})) == set(test)
    assert not proposed(
        make_subject({"torch": {"torch/bin/jit": test["torch/bin/test_jit"], **dict([*test.items()][1:])}})
    )


def test_the_user_has_the_last_word() -> None:
    subject = make_subject({"kit": TESTED, "pip": {"pip/__init__.py": ""}}, others={"usr/share/doc/x": "y"})
    found = list(
        paths.propose(
            subject,
            policy(
                keep={"kit/tests/data/**": "we read it", "pip": "we install at start"},
                drop={"/usr/share/doc/**": "nobody reads it", "kit/core.py": "ours is better", "lost/**": "gone"},
            ),
        )
    )
    assert gone(found) == {"kit/tests/__init__.py", "kit/tests/test_core.py", "usr/share/doc/x", "kit/core.py"}
    assert "`drop` has the pattern 'lost/**', which matches nothing" in notes(found)
    assert any(text.endswith("of the rule pip stay: kept: we install at start") for text in notes(found))
    own = next(one for one in found if isinstance(one, Drop) and one.path == "usr/share/doc/x")
    assert (own.done_by, own.reason, own.rule) == (Pass.PATHS, "nobody reads it", "")


def test_with_the_profile_none_only_the_user_drops() -> None:
    subject = make_subject({"kit": TESTED})
    assert gone(paths.propose(subject, policy(Profile.NONE, drop={"kit/core.py": "ours"}))) == {"kit/core.py"}


def test_a_second_run_finds_nothing() -> None:
    kit = {**TESTED, "kit/tests/test_tools.py": 'import pip\nimport setuptools\n"libcusolverMg"\n'}
    packages: Packages = {"kit": {**kit}, "pip": {"pip/__init__.py": "import setuptools\n"}, "nvidia-cusolver": CUDA}
    packages |= {"setuptools": {"setuptools/__init__.py": ""}}
    first = proposed(make_subject(packages))
    left = {
        owner: {name: data for name, data in files.items() if name not in first}
        for owner, files in packages.items()
        if owner not in {"pip", "setuptools"}
    }
    assert {"pip/__init__.py", "setuptools/__init__.py", MG} <= first
    assert not proposed(make_subject(left))
