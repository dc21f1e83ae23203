from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.project.model import Profile
from slimtorch.slim.model import Drop, Pass
from slimtorch.slim.passes import packages
from tests.support.elf import make_elf
from tests.support.subjects import gone, make_code, make_subject, notes, policy

if TYPE_CHECKING:
    from slimtorch.inventory.code.model import Code
    from slimtorch.slim.model import Subject
    from tests.support.subjects import Packages

TORCH: dict[str, str | bytes] = {
    "torch/__init__.py": "from torch import nn\ndef compile():\n    import torch._dynamo\n",
    "torch/nn.py": "",
    "torch/fx/symbolic_shapes.py": "import sympy\n",
    "torch/_dynamo/__init__.py": "from torch.fx import symbolic_shapes\n",
    "torch/_inductor/__init__.py": "import networkx\n",
    "torch/onnx/__init__.py": "",
}
INSTALLED: Packages = {
    "torch": TORCH,
    "sympy": {"sympy/__init__.py": "import mpmath\n", "../../../bin/isympy": ""},
    "mpmath": {"mpmath/__init__.py": ""},
    "networkx": {"networkx/__init__.py": ""},
    "triton": {"triton/__init__.py": "", "triton/_C/libtriton.so": make_elf()},
}
REQUIRES = {"torch": ("sympy>=1.13", "networkx", 'triton; platform_system == "Linux"'), "sympy": ("mpmath<2",)}
SERVICE = make_code("torch.nn.Linear", imports=("torch",))
EVERYTHING = {"sympy", "mpmath", "networkx", "triton", "torch"}


def subject(code: Code | None = SERVICE, *, requires: dict[str, tuple[str, ...]] | None = None, **more: str) -> Subject:
    """`more` are further sources, by the name of the distribution that brings them."""
    others: Packages = {name: {f"{name}/__init__.py": text} for name, text in more.items()}
    return make_subject({**INSTALLED, **others}, requires={**REQUIRES, **(requires or {})}, code=code)


def tops(found: Subject) -> set[str]:
    """The first folders of what goes."""
    names = gone(packages.propose(found, policy(Profile.INFERENCE)))
    return {name.partition("/")[0] for name in names if "dist-info" not in name and not name.startswith("..")}


def test_what_the_service_does_not_reach_goes_whole() -> None:
    found = list(packages.propose(subject(), policy(Profile.INFERENCE)))
    names = gone(found)
    assert {"sympy/__init__.py", "sympy-1.dist-info/METADATA", "../../../bin/isympy", "triton/_C/libtriton.so"} <= names
    assert {"torch/_dynamo/__init__.py", "torch/_inductor/__init__.py", "torch/onnx/__init__.py"} <= names
    assert not {"torch/__init__.py", "torch/nn.py", "torch/fx/symbolic_shapes.py"} & names
    assert all(one.done_by is Pass.PACKAGES and one.reason and one.rule for one in found if isinstance(one, Drop))


def test_other_profiles_leave_it() -> None:
    for profile in (Profile.SAFE, Profile.NONE):
        assert not list(packages.propose(subject(), policy(profile)))


@pytest.mark.parametrize("used", ["torch.compile", ".compile", "torch.export.export", "torch._dynamo.reset"])
def test_all_of_it_stays_where_the_service_compiles(used: str) -> None:
    found = list(packages.propose(subject(make_code(used)), policy(Profile.INFERENCE)))
    assert not {name for name in gone(found) if not name.startswith("torch/onnx")}
    assert any(f"of the rule sympy stay: the service uses {used}" in text for text in notes(found))


def test_a_service_that_trains_keeps_what_optimizers_import() -> None:
    assert tops(subject(make_code("torch.optim.Adam"))) == {"networkx", "triton", "torch"}


def test_an_unindented_import_by_anybody_holds_it() -> None:
    assert tops(subject(tool="import networkx\n")) == EVERYTHING - {"networkx"}
    assert tops(subject(tool="from sympy.core import numbers\n")) == EVERYTHING - {"sympy", "mpmath"}


def test_a_late_import_of_what_nobody_else_requires_does_not() -> None:
    assert tops(subject(tool="try:\n    import networkx\nexcept ImportError: pass\n")) == EVERYTHING


def test_a_late_import_of_a_part_of_torch_does() -> None:
    found = subject(tool="def f():\n    import torch._dynamo\n")
    names = gone(packages.propose(found, policy(Profile.INFERENCE)))
    assert not {"torch/_dynamo/__init__.py", "sympy/__init__.py"} & names
    assert "torch/_inductor/__init__.py" in names


def test_what_another_requires_stays() -> None:
    assert tops(subject(tool="", requires={"tool": ("networkx",)})) == EVERYTHING - {"networkx"}
    assert tops(subject(tool="", requires={"tool": ("networkx; extra == 'graphs'",)})) == EVERYTHING
    assert tops(subject(tool="", requires={"tool": ("networkx; sys_platform == 'win32'",)})) == EVERYTHING


def test_what_nobody_requires_was_asked_for() -> None:
    found = list(packages.propose(subject(requires={"torch": ("sympy", "triton")}), policy(Profile.INFERENCE)))
    assert "networkx/__init__.py" not in gone(found)
    assert any("nothing requires networkx: it was asked for" in text for text in notes(found))


def test_a_torch_that_imports_it_at_once_keeps_it() -> None:
    eager: Packages = {**INSTALLED, "torch": {**TORCH, "torch/nn.py": "import networkx\nfrom torch import onnx\n"}}
    assert tops(make_subject(eager, requires=REQUIRES, code=SERVICE)) == EVERYTHING - {"networkx"}
    names = gone(packages.propose(make_subject(eager, requires=REQUIRES, code=SERVICE), policy(Profile.INFERENCE)))
    assert "torch/onnx/__init__.py" not in names


def test_a_part_of_torch_that_the_table_does_not_know_keeps_it() -> None:
    """A new module of torch that imports sympy may be in use: only the files of the table may fail."""
    new: Packages = {**INSTALLED, "torch": {**TORCH, "torch/_fresh.py": "import sympy\n"}}
    found = list(packages.propose(make_subject(new, requires=REQUIRES, code=SERVICE), policy(Profile.INFERENCE)))
    assert "sympy/__init__.py" not in gone(found)
    assert any("torch/_fresh.py imports it" in text for text in notes(found))


def test_the_services_own_files_are_read() -> None:
    found = make_subject(INSTALLED, requires=REQUIRES, others={"app/serve.py": "def f():\n    import networkx\n"})
    assert "networkx" not in tops(found)


def test_tests_do_not_count() -> None:
    tests: Packages = {**INSTALLED, "tool": {"tool/tests/test_x.py": "import networkx\n# torch.onnx\n"}}
    assert tops(make_subject(tests, requires=REQUIRES, code=SERVICE)) == EVERYTHING


def test_what_the_user_keeps_stays_whole() -> None:
    found = list(packages.propose(subject(), policy(Profile.INFERENCE, keep={"sympy/**": "we print formulas"})))
    assert not {name for name in gone(found) if "sympy" in name or "mpmath" in name}
    assert any("kept: we print formulas" in text for text in notes(found))


ADV = {"nvidia/cudnn/lib/libcudnn_adv.so.9": make_elf()}


def test_recurrent_layers_of_cudnn_go_where_nothing_has_them() -> None:
    found = make_subject({"nvidia-cudnn-cu13": ADV, "model": {"model.py": ""}}, code=SERVICE)
    assert tops(found) == {"nvidia"}


@pytest.mark.parametrize(
    ("code", "model"),
    [
        (None, ""),
        (make_code("torch.nn.LSTM"), ""),
        (make_code("torch.jit.load"), ""),
        (SERVICE, "class Net: layer = nn.LSTM\n"),
    ],
)
def test_they_stay_where_something_has_or_may_have_them(code: Code | None, model: str) -> None:
    assert not tops(make_subject({"nvidia-cudnn-cu13": ADV, "model": {"model.py": model}}, code=code))
