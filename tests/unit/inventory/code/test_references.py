"""Uses of things of interest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.inventory.code import INTERESTS, Role, read

if TYPE_CHECKING:
    from pathlib import Path

REFERENCES = {
    "import torch\ntorch.cuda.is_available()": [("torch.cuda.is_available", ())],
    "import torch as t\nm = t.compile(m, mode='max-autotune', dynamic=True, x=y)": [
        ("torch.compile", ("mode='max-autotune'", "dynamic=True")),
    ],
    "from torch import nn\nclass M(nn.Module): pass": [("torch.nn.Module", None)],
    "import torch.nn.functional as F\nF.interpolate(x, (1, -2), 'a')": [
        ("torch.nn.functional.interpolate", ("(1, -2)", "'a'")),
    ],
    "from torch import compile as c\n@c\ndef f(): pass": [("torch.compile", None)],
    "import torch\n@torch.compile(backend='eager')\ndef f():\n    pass": [("torch.compile", ("backend='eager'",))],
    "import triton\n@triton.jit\ndef f(): pass": [("triton.jit", None)],
    "import numba\nf = numba.njit(cache=True)(g)": [("numba.njit", ("cache=True",))],
    "from numba import njit\nclass A:\n    @njit\n    def f(): pass": [("numba.njit", None)],
    "import torch\nd = torch.device('cuda' if torch.cuda.is_available() else 'cpu')": [
        ("torch.device", ()), ("torch.cuda.is_available", ()), ("'cuda'", None), ("'cpu'", None),
    ],
    "m.cuda()": [(".cuda", ())],
    "m.to('cuda:0')": [(".to", ("'cuda:0'",)), ("'cuda:0'", None)],
    "import torch\nmodel().eval().to(device)": [(".to", ())],
    "import re, torch\nre.compile('a')": [],
    "import re\nre.compile('a')\nx.to(y)": [],
    "p = pipeline('x', device='cpu')": [("'cpu'", None)],
    "print('cpu')": [],
    "import torch\ntorch.load(p, map_location='cpu')": [("torch.load", ("map_location='cpu'",)), ("'cpu'", None)],
    "import onnxruntime as ort\nort.InferenceSession(p, providers=['CUDAExecutionProvider'])": [
        ("onnxruntime.InferenceSession", ("providers=['CUDAExecutionProvider']",)), ("'CUDAExecutionProvider'", None),
    ],
    "f(\n    'TensorrtExecutionProvider',\n)": [("'TensorrtExecutionProvider'", None)],
    "dist.init_process_group(backend='nccl')": [("'nccl'", None)],
    "import os\nos.environ['CUDA_VISIBLE_DEVICES'] = ''": [("'CUDA_VISIBLE_DEVICES'", ("''",))],
    "import os\nos.environ.setdefault('CUDA_VISIBLE_DEVICES', '0')": [("'CUDA_VISIBLE_DEVICES'", ("'0'",))],
    "import os\nx = os.environ.get('CUDA_VISIBLE_DEVICES')": [("'CUDA_VISIBLE_DEVICES'", None)],
    "import importlib.metadata\nimportlib.metadata.version('torch')": [("importlib.metadata.version", ("'torch'",))],
    "from importlib.metadata import version\nversion('torch')": [("importlib.metadata.version", ("'torch'",))],
    "import importlib\nimportlib.reload(x)": [],
    "try:\n    import cupy as xp\nexcept ImportError:\n    import numpy as xp\nxp.zeros(1)": [("cupy.zeros", ("1",))],
    "import torch\n# torch.cuda\n'''torch.cuda'''": [],
    "import numpy as np\nnp.zeros(1)": [],
    "import cv2\ncv2.imshow(\n    'a',\n    x,\n)": [("cv2.imshow", ("'a'",))],
    "def f():\n    import torch\n    with torch.no_grad():\n        [torch.relu(x) for x in y if torch.any(x)]": [
        ("torch.no_grad", ()), ("torch.relu", ()), ("torch.any", ()),
    ],
}  # fmt: skip


def found(root: Path, snippet: str) -> list[tuple[str, tuple[str, ...] | None]]:
    (root / "code.py").write_text(snippet)
    return [(one.name, one.arguments) for one in read(root).references]


@pytest.mark.parametrize("snippet", REFERENCES)
def test_references(tmp_path: Path, snippet: str) -> None:
    assert found(tmp_path, snippet) == REFERENCES[snippet]


def test_place_and_role(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "a.py").write_text("import torch\n\n\nx = (\n    torch.zeros(1)\n)")
    (one,) = read(tmp_path).references
    assert (one.location.path, one.location.line, one.role) == ("tests/a.py", 5, Role.TESTS)


def test_interests_are_the_callers(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("import numpy, torch\nnumpy.zeros(1)\ntorch.zeros(1)")
    assert [one.name for one in read(tmp_path, interests={"numpy"}).references] == ["numpy.zeros"]
    both = read(tmp_path, interests=INTERESTS | {"numpy"})
    assert [one.name for one in both.references] == ["numpy.zeros", "torch.zeros"]


def test_long_arguments_are_left_out(tmp_path: Path) -> None:
    assert found(tmp_path, f"import torch\ntorch.tensor({list(range(1000))}, 1)") == [("torch.tensor", ("1",))]
