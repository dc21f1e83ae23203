"""What is proposed, on what evidence, and what is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.deps.device.decide import Decision
from slimtorch.deps.model import Dependency, Evidence, Verdict
from slimtorch.deps.swap.proposals import Action, Proposal, builds, proposals
from slimtorch.findings import Location
from slimtorch.inventory.code.model import Code, Form, Import, Reference, Role
from slimtorch.inventory.distributions import Distribution
from slimtorch.project.declared.model import Declarations, Declared
from slimtorch.tables import swaps

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE, LATER = Location("app.py", 2), Location("app.py", 9)
CPU, CUDA = Decision("cpu", files=3), Decision("cuda", (("calls .cuda()", HERE),), files=3)


def imports(module: str, *names: str) -> Import:
    return Import(module, names, HERE, Form.PLAIN, Role.SERVICE)


def uses(name: str, role: Role = Role.SERVICE) -> Reference:
    return Reference(name, LATER, role)


def proposed(
    names: Sequence[str],
    *code: Import | Reference,
    decision: Decision = CPU,
    verdict: Verdict = Verdict.USED,
    locked: Sequence[Distribution] = (),
) -> dict[str, Proposal]:
    """What is proposed for a project that declares these names."""
    declared = [Declared(name, name, Location("requirements.txt", n)) for n, name in enumerate(names, 1)]
    distributions = {name: Distribution(name, "1.0", frozenset()) for name in names}
    distributions |= {one.name: one for one in locked}
    found = Code(
        3,
        tuple(one for one in code if isinstance(one, Import)),
        tuple(one for one in code if isinstance(one, Reference)),
        (),
        frozenset(),
    )
    evidence = Evidence(Declarations(tuple(declared)), found, distributions, {})
    dependencies = [Dependency(one.name, verdict, "because", (one,)) for one in declared]
    return {one.remove: one for one in proposals(evidence, dependencies, decision)}


def test_opencv_without_a_window_is_headless() -> None:
    found = proposed(["opencv-python"], imports("cv2"), uses("cv2.resize"))["opencv-python"]
    assert (found.add, found.action) == (("opencv-python-headless",), Action.REPLACE)
    assert found.evidence == "1 use of cv2, and none opens a window"
    assert found.locations == (Location("requirements.txt", 1),)


@pytest.mark.parametrize(
    "code",
    [(imports("cv2"), uses("cv2.imshow")), (imports("cv2", "waitKey"),), (imports("cv2", "*"),)],
    ids=["called", "imported", "everything imported"],
)
def test_opencv_with_a_window_stays(code: tuple[Import | Reference, ...]) -> None:
    assert proposed(["opencv-python"], *code) == {}


def test_a_window_of_the_tests_does_not_count() -> None:
    assert "opencv-python" in proposed(["opencv-python"], imports("cv2"), uses("cv2.imshow", Role.TESTS))


def test_both_opencvs_leave_the_headless_one() -> None:
    found = proposed(["opencv-python", "opencv-python-headless"], imports("cv2"))["opencv-python"]
    assert (found.add, found.action) == ((), Action.REMOVE)


@pytest.mark.parametrize(("name", "twin"), [("onnxruntime-gpu", "onnxruntime"), ("faiss-gpu", "faiss-cpu")])
def test_a_gpu_build_goes_only_where_nothing_uses_a_gpu(name: str, twin: str) -> None:
    assert proposed([name])[name].add == (twin,)
    assert proposed([name], decision=CUDA) == {}


def test_a_declared_device_is_the_evidence() -> None:
    found = proposed(["onnxruntime-gpu"], decision=Decision("cpu"))["onnxruntime-gpu"]
    assert found.evidence == 'the project says device = "cpu"'


@pytest.mark.parametrize("code", [uses("faiss.index_cpu_to_gpu"), imports("faiss", "StandardGpuResources")])
def test_a_use_that_only_the_gpu_build_has_keeps_it(code: Import | Reference) -> None:
    assert proposed(["faiss-gpu"], code) == {}


def test_builds_that_use_a_gpu_unasked_are_signs_of_one() -> None:
    assert {"onnxruntime-gpu", "faiss-gpu"} <= builds()
    assert builds().isdisjoint({"paddlepaddle-gpu", "bitsandbytes", "onnxruntime", "opencv-python"})


def test_code_that_asks_for_cuda_needs_the_gpu_build() -> None:
    asks = (imports("onnxruntime"), uses("'CUDAExecutionProvider'"))
    found = proposed(["onnxruntime"], *asks, decision=CUDA)["onnxruntime"]
    assert found.add == ("onnxruntime-gpu",)
    assert found.evidence == "app.py:9 names 'CUDAExecutionProvider'"
    assert proposed(["onnxruntime"], imports("onnxruntime"), decision=CUDA) == {}


def test_cuda_torch_that_nothing_uses() -> None:
    locked = [Distribution("triton", "3.8", frozenset()), Distribution("nvidia-cublas", "13.1", frozenset())]
    found = proposed(["torch"], imports("torch"), locked=locked)["CUDA torch"]
    assert found.action is Action.CPU
    assert "2 packages of CUDA" in found.why
    assert proposed(["torch"], imports("torch"), locked=locked, decision=CUDA) == {}


def test_tensorflow_left_over_beside_torch() -> None:
    found = proposed(["tensorflow", "torch"], imports("torch"), decision=CUDA, verdict=Verdict.OPTIONAL)
    assert found["tensorflow"].action is Action.REMOVE
    assert proposed(["tensorflow", "torch"], imports("torch"), imports("tensorflow"), decision=CUDA) == {}


def test_two_copies_of_cuda_and_who_brings_the_older() -> None:
    locked = [
        Distribution("nvidia-cublas-cu12", "12.8", frozenset(), packed=500),
        Distribution("nvidia-cublas", "13.1", frozenset(), packed=400),
        Distribution("old-kernels", "1", frozenset(), requires=("nvidia-cublas-cu12>=12 ; extra == 'x'",)),
    ]
    found = proposed(["torch"], decision=CUDA, locked=locked)["CUDA 12"]
    assert found.action is Action.BY_HAND
    assert found.evidence == "nvidia-cublas-cu12, for old-kernels"


def test_one_copy_of_cuda_is_no_proposal() -> None:
    locked = [Distribution("nvidia-cublas", "13.1", frozenset()), Distribution("nvidia-cudnn-cu13", "9", frozenset())]
    assert proposed(["torch"], decision=CUDA, locked=locked) == {}


def test_the_jupyter_metapackage() -> None:
    found = proposed(["jupyter"], verdict=Verdict.DEVELOPMENT)["jupyter"]
    assert found.add == ("jupyter-core", "notebook")


def test_torchvision_for_a_function_or_two() -> None:
    code = (imports("torchvision.transforms.functional", "resize"),)
    found = proposed(["torchvision"], *code)["torchvision"]
    assert found.action is Action.BY_HAND
    assert found.evidence == "only torchvision.transforms.functional.resize (app.py:2)"


@pytest.mark.parametrize(
    "code",
    [
        (imports("torchvision.models", "resnet18"),),
        (imports("torchvision"), *(uses(f"torchvision.transforms.T{n}") for n in range(5))),
    ],
    ids=["models", "many"],
)
def test_torchvision_in_earnest_stays(code: tuple[Import | Reference, ...]) -> None:
    assert proposed(["torchvision"], *code) == {}


def test_what_another_one_needs_is_left_alone() -> None:
    one = Declared("opencv-python", "opencv-python", Location("requirements.txt", 1))
    held = Dependency("opencv-python", Verdict.USED, "", (one,), needed_by=("ultralytics",))
    evidence = Evidence(Declarations((one,)), Code(1, (), (), (), frozenset()), {}, {})
    assert proposals(evidence, [held], CPU) == ()


def test_a_damaged_table_is_a_bug_that_names_the_row() -> None:
    with pytest.raises(ValueError, match="Pillow"):
        swaps.check_twins([{"remove": "Pillow", "add": [], "when": "always", "why": ""}])


def test_a_group_of_development_neither_swaps_nor_counts() -> None:
    dev = Declared("opencv-python-headless", "opencv-python-headless", Location("requirements-dev.txt", 1), group="dev")
    own = Declared("opencv-python", "opencv-python", Location("requirements.txt", 1))
    jupyter = Declared("jupyter", "jupyter", Location("requirements-dev.txt", 2), group="dev")
    items = (own, dev, jupyter)
    code = Code(1, (imports("cv2"),), (), (), frozenset())
    known = {one.name: Distribution(one.name, "1.0", frozenset()) for one in items}
    judged = [Dependency(one.name, Verdict.USED, "because", (one,)) for one in items]
    (found,) = proposals(Evidence(Declarations(items), code, known, {}), judged, CPU)
    assert (found.remove, found.add, found.action) == ("opencv-python", ("opencv-python-headless",), Action.REPLACE)
