"""``slimtorch deps swap`` as a process, offline, with wheels of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.shop import Shop, Stock, open_shop, stock
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

BIG, SMALL = "x = 1\n" * 20_000, "x = 1\n" * 100
REQUIREMENTS = "# what the service needs\nopencv-python==4.10  # frames\ntorch\n"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Stock:
    return stock(tmp_path_factory.getbasetemp().parent / "shared")


@pytest.fixture
def world(made: Stock, tmp_path: Path) -> Shop:
    """A service that reads pictures and opens no window."""
    wheels = tmp_path / "wheels"
    make_wheel(wheels, "opencv-python", "4.10", {"cv2/__init__.py": BIG})
    make_wheel(wheels, "opencv-python-headless", "4.10", {"cv2/__init__.py": SMALL})
    make_wheel(wheels, "torch", "2.9.0", {"torch/__init__.py": SMALL}, requires=["triton"])
    make_wheel(wheels, "torch", "2.9.0+cpu", {"torch/__init__.py": SMALL})
    make_wheel(wheels, "triton", "3.5", {"triton/__init__.py": BIG})
    project = tmp_path / "bare"
    project.mkdir()
    (project / "app.py").write_text("import cv2\nimport torch\n\npicture = cv2.resize(cv2.imread('a.png'), (8, 8))\n")
    (project / "requirements.txt").write_text(REQUIREMENTS)
    shop = open_shop(made, tmp_path)
    return Shop(made, project, tmp_path / "cache", {**shop.env, "PIP_FIND_LINKS": str(wheels)})


def test_proposals_come_with_evidence_and_savings_and_change_nothing(world: Shop) -> None:
    done = world("--offline", "deps", "swap", "--format", "json")
    assert done.status == 0, done.err
    found = {one["remove"]: one for one in done.json["swaps"]}
    assert found["opencv-python"]["add"] == ["opencv-python-headless"]
    assert found["opencv-python"]["evidence"] == "2 uses of cv2, and none opens a window"
    assert found["opencv-python"]["declared"] == [{"path": "requirements.txt", "line": 2}]
    assert found["opencv-python"]["saves"]["unpacked"] == pytest.approx(len(BIG) - len(SMALL), abs=100)
    assert (world.project / "requirements.txt").read_text() == REQUIREMENTS


def test_one_that_is_asked_for_is_taken(world: Shop) -> None:
    done = world("--offline", "deps", "swap", "--apply", "opencv-python")
    assert done.status == 0, done.err
    assert "+opencv-python-headless==4.10  # frames" in done.out
    changed = (world.project / "requirements.txt").read_text()
    assert changed == REQUIREMENTS.replace("opencv-python==", "opencv-python-headless==")
    assert "opencv-python " not in world("--offline", "deps", "swap").out


def test_a_window_keeps_it(world: Shop) -> None:
    (world.project / "app.py").write_text("import cv2\nimport torch\n\ncv2.imshow('a', cv2.imread('a.png'))\n")
    done = world("--offline", "deps", "swap", "--format", "json")
    assert "opencv-python" not in {one["remove"] for one in done.json["swaps"]}


def test_what_is_not_proposed_cannot_be_taken(world: Shop) -> None:
    done = world("--offline", "deps", "swap", "--apply", "numpy")
    assert done.status == 2
    assert "no swap of numpy is proposed" in done.err
    assert "proposed: opencv-python" in done.err.replace("CUDA torch, ", "")
    assert "Traceback" not in done.err


def test_a_hashed_line_is_left_to_the_tool_that_hashed_it(world: Shop) -> None:
    text = f"opencv-python==4.10 --hash=sha256:{'0' * 64}\ntorch\n"
    (world.project / "requirements.txt").write_text(text)
    done = world("--offline", "deps", "swap", "--apply", "opencv-python")
    assert done.status == 2
    assert (world.project / "requirements.txt").read_text() == text


def test_a_requirement_of_two_lines_counts_once_on_either_side(world: Shop) -> None:
    wheels = world.project.parent / "wheels"
    make_wheel(wheels, "extra-lib", "1.0", {"extra_lib/__init__.py": BIG})
    text = f"{REQUIREMENTS}extra-lib; python_version >= '3'\nextra-lib; python_version < '3'\n"
    (world.project / "requirements.txt").write_text(text)
    done = world("--offline", "deps", "swap", "--format", "json")
    found = {one["remove"]: one for one in done.json["swaps"]}
    assert found["opencv-python"]["saves"]["unpacked"] == pytest.approx(len(BIG) - len(SMALL), abs=100)


def without_cpu_torch(world: Shop) -> Path:
    """The folder of wheels, in which torch has CUDA only."""
    wheels = world.project.parent / "wheels"
    next(wheels.glob("torch-2.9.0+cpu-*")).unlink()
    return wheels


def test_cuda_torch_goes_by_the_name_of_torch(world: Shop) -> None:
    without_cpu_torch(world)
    done = world("--offline", "deps", "swap", "--apply", "torch")
    assert done.status == 2
    assert 'write device = "cpu" below [torch] in slimtorch.toml' in done.err
    listed = world("--offline", "deps", "swap")
    assert 'to take CUDA torch: write device = "cpu" below [torch] in slimtorch.toml' in listed.err
    assert "saves, unpacked" in listed.out


def test_a_gpu_build_is_no_reason_for_itself_or_for_torch(world: Shop) -> None:
    wheels = without_cpu_torch(world)
    make_wheel(wheels, "onnxruntime-gpu", "1.20", {"onnxruntime/__init__.py": BIG})
    make_wheel(wheels, "onnxruntime", "1.20", {"onnxruntime/__init__.py": SMALL})
    (world.project / "requirements.txt").write_text("torch\nonnxruntime-gpu\n")
    app = "import onnxruntime\nimport torch\n\nmodel = onnxruntime.InferenceSession('m.onnx')\n"
    (world.project / "app.py").write_text(app)
    swaps = world("--offline", "deps", "swap", "--format", "json").json["swaps"]
    assert {one["remove"] for one in swaps} == {"CUDA torch", "onnxruntime-gpu"}
    (world.project / "app.py").write_text(app.replace("'m.onnx'", "'m.onnx', providers=['CUDAExecutionProvider']"))
    assert world("--offline", "deps", "swap", "--format", "json").json["swaps"] == []


def test_a_saving_that_is_not_known_has_a_reason(world: Shop) -> None:
    (world.project / "requirements.txt").write_text(f"{REQUIREMENTS}nowhere-to-be-found\n")
    done = world("--offline", "deps", "swap")
    assert "opencv-python" in done.out
    assert "? : the requirements do not resolve now" in done.err
