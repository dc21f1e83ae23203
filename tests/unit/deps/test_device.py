"""CPU or CUDA, decided from sources that are really read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.deps.device.decide import Decision, decide, sentence
from slimtorch.deps.device.texts import of_files, of_service
from slimtorch.findings import Location
from slimtorch.inventory.code import Scope, read
from slimtorch.project.declared import Declared
from tests.support.projects import write
from tests.support.wheels import locked, make_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

HEAD = "import torch\n"


def decided(
    root: Path,
    files: Mapping[str, str] | str,
    *,
    lines: Sequence[str] = ("torch",),
    packages: Sequence[str] = (),
    needers: Sequence[str] = (),
) -> Decision:
    """The decision for a project of these files (or of one serve.py), all of which go into the image."""
    given = {"serve.py": HEAD + files} if isinstance(files, str) else dict(files)
    write(root, given)
    code = read(root, Scope(ships=given.__contains__))
    declared = [declare(line, number) for number, line in enumerate(lines, 1)]
    wheels = [locked(make_wheel(root / "wheels", name)) for name in ("torch", *packages)]
    return decide(code, declared, wheels, texts=tuple(of_files(root, given, code)), needers=needers)


def declare(line: str, number: int = 1, *, via: tuple[str, ...] = ()) -> Declared:
    name = line.split("=", maxsplit=1)[0].split("+", maxsplit=1)[0].strip()
    return Declared(name, line, Location("requirements.txt", number), via=via)


NEEDS = {
    "model.cuda()": "serve.py:2 calls .cuda()",
    "model.to('cuda')": "serve.py:2 calls .to('cuda')",
    "model.to(0)": "serve.py:2 calls .to(0)",
    "model.to(device='cuda:1')": "serve.py:2 calls .to(device='cuda:1')",
    "x = torch.zeros(1, device='cuda')": "serve.py:2 calls torch.zeros(device='cuda')",
    "d = torch.device('cuda')": "serve.py:2 calls torch.device('cuda')",
    "from torch import device as d\nd('cuda:0')": "serve.py:3 calls torch.device('cuda:0')",
    "torch.cuda.synchronize()": "serve.py:2 uses torch.cuda.synchronize",
    "torch.cuda.set_device(0)": "serve.py:2 uses torch.cuda.set_device",
    "torch.load('w.pt', map_location='cuda')": "serve.py:2 calls torch.load(map_location='cuda')",
    "import lightning\nlightning.Trainer(accelerator='gpu')": "serve.py:3 calls lightning.Trainer(accelerator='gpu')",
}


@pytest.mark.parametrize("code", NEEDS)
def test_what_cannot_do_without_a_gpu(tmp_path: Path, code: str) -> None:
    found = decided(tmp_path, code)
    assert (found.device, found.certain, found.first) == ("cuda", True, NEEDS[code])


MAY = {
    "d = 'cuda' if torch.cuda.is_available() else 'cpu'": "torch.cuda.is_available",
    "if torch.cuda.is_available():\n    model.cuda()": "torch.cuda.is_available",
    "n = torch.cuda.device_count()": "torch.cuda.device_count",
    "torch.backends.cudnn.benchmark = True": "torch.backends.cudnn.benchmark",
    "torch.cuda.empty_cache()": "torch.cuda.empty_cache",
    "torch.cuda.manual_seed_all(1)": "torch.cuda.manual_seed_all",
    "with torch.autocast('cuda'):\n    pass": "torch.autocast",
    "import os\nd = torch.device(os.environ['DEVICE'])": "takes its device from elsewhere",
    "import argparse\np = argparse.ArgumentParser()\np.add_argument('--device', default='cuda')": "names 'cuda'",
    "torch.distributed.init_process_group('nccl')": "names 'nccl'",
    "import onnxruntime as o\no.InferenceSession('m', providers=['CUDAExecutionProvider'])": "CUDAExecutionProvider",
    "import cupy": "imports cupy",
    "def f():\n    import flash_attn": "imports flash_attn",
    "from transformers import pipeline\npipeline('text-classification')": "transformers.pipeline",
    "import transformers\ntransformers.AutoModel.from_pretrained('m', device_map='auto')": "device_map='auto'",
    "import transformers\ntransformers.pipeline('x', device=0)": "device=0",
    "import os\nos.environ['CUDA_VISIBLE_DEVICES'] = '0'": "CUDA_VISIBLE_DEVICES",
    "model.to(f'cuda:{number}')": "says `model.to(f'cuda:{number}')`",
    "import os\nmodel.to(device)": "a device that is chosen elsewhere",
    "torch.accelerator.current_accelerator()": "torch.accelerator",
    "model.to(cfg['device'])": "a device that is chosen elsewhere",
    "model.to(get_device())": "a device that is chosen elsewhere",
    "model.to(self.opts.device)": "a device that is chosen elsewhere",
    "x = torch.zeros(1, device=dev)": "a device that is chosen elsewhere",
    "x = torch.load('w.pt', map_location=WHERE)": "a device that is chosen elsewhere",
    "x = torch.jit.load('w.pt', device)": "a device that is chosen elsewhere",
    "x = torch.load('w.pt', map_location='cpu')\nmodel.to(args.device)": "a device that is chosen elsewhere",
    "x = torch.zeros(1, device='cpu')\nmodel.to(settings.device)": "a device that is chosen elsewhere",
    "y = model.to(device)(x).to('cpu')": "a device that is chosen elsewhere",
    "import os\nmodel.to(os.getenv('TORCH_DEVICE', 'cpu'))": "says `model.to(os.getenv('TORCH_DEVICE', 'cpu'))`",
    "class Own(BaseSettings):\n    device: str = 'cpu'\nmodel.to(Own().device)": "says `device: str = 'cpu'`",
    "import transformers as t\nt.AutoModel.from_pretrained('m', device_map=MAP)": "a device that is chosen elsewhere",
    "pipe.enable_model_cpu_offload()": "says `pipe.enable_model_cpu_offload()`",
    "model = torch.hub.load('ultralytics/yolov5', 'yolov5s')": "torch.hub.load",
    "model = torch.nn.DataParallel(model)": "torch.nn.DataParallel",
    "torch.set_default_device(chosen)": "torch.set_default_device",
    "torch.distributed.init_process_group(backend)": "torch.distributed.init_process_group",
    "import xgboost\nxgboost.XGBClassifier(tree_method='gpu_hist')": "gpu_hist",
    "import tensorflow as tf\ntf.device('/GPU:0')": "GPU:0",
}


@pytest.mark.parametrize("code", MAY)
def test_what_may_use_a_gpu(tmp_path: Path, code: str) -> None:
    found = decided(tmp_path, code)
    assert (found.device, found.certain) == ("cuda", False)
    assert any(MAY[code] in sentence(reason) for reason in found.reasons)


NONE = [
    "model = torch.nn.Linear(2, 2)",
    "model.to('cpu')",
    "d = torch.device('cpu')\nmodel.to(d)",
    "d = torch.device('cpu')\nmodel.to(device)",
    "x = torch.zeros(1, device='cpu')",
    "x = torch.load('w.pt', map_location='cpu')",
    "x.to(torch.float16)",
    "x.to(model.device)",
    "torch.set_default_device('cpu')\nmodel.to(device)",
    "torch.distributed.init_process_group('gloo')",
    "p = parser()\np.add_argument('--device', default='cpu')\nm.to(p.parse_args().device)",
    "token = payload['device']\nDEVICE_ID = 'DEVICE_ID'",
    "import os\nos.environ['CUDA_VISIBLE_DEVICES'] = ''",
    "import os\nos.environ['CUDA_VISIBLE_DEVICES'] = '-1'",
    "from transformers import pipeline\npipeline('x', device=-1)",
    "import transformers\ntransformers.pipeline('x', device='cpu')",
    "import onnxruntime as o\no.InferenceSession('m', providers=['CPUExecutionProvider'])",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import cupy",
    "def f(d: torch.device) -> None: ...",
    "# model.cuda() was here",
    '"""Runs without cuda."""',
    "barracuda = 'fish'",
]


@pytest.mark.parametrize("code", NONE)
def test_what_uses_no_gpu(tmp_path: Path, code: str) -> None:
    found = decided(tmp_path, code)
    assert found == Decision("cpu", (), certain=True, files=1)
    assert found.first == ""


def test_tests_and_development_files_are_no_evidence(tmp_path: Path) -> None:
    files = {
        "serve.py": HEAD,
        "tests/test_model.py": HEAD + "torch.zeros(1).cuda()\nd = f'cuda:{1}'\n",
        "test_it.py": HEAD + "torch.zeros(1).to('cuda')\n",
        "conftest.py": HEAD + "torch.cuda.synchronize()\n",
        "docs/conf.py": HEAD + "torch.cuda.synchronize()\n",
    }
    assert decided(tmp_path, files).device == "cpu"


def test_a_guard_anywhere_makes_it_a_matter_of_the_machine(tmp_path: Path) -> None:
    files = {"serve.py": HEAD + "model.cuda()\n", "gpu.py": HEAD + "HAS = torch.cuda.is_available()\n"}
    found = decided(tmp_path, files)
    assert (found.device, found.certain) == ("cuda", False)
    assert {place.path for _, place in found.reasons} == {"serve.py", "gpu.py"}


def test_no_source_file_is_no_proof(tmp_path: Path) -> None:
    found = decided(tmp_path, {"model.json": "{}"})
    assert (found.device, found.first) == ("cuda", "no source file of the service was read")


@pytest.mark.parametrize(
    ("line", "certain"),
    [
        ("torch==2.9.1+cu128", True),
        ("flash-attn", True),
        ("onnxruntime-gpu==1.23", True),
        ("cupy-cuda12x", True),
        ("nvidia-cublas-cu12==12.1", False),
        ("triton==3.1", False),
    ],
)
def test_requirements_speak_as_well(tmp_path: Path, line: str, *, certain: bool) -> None:
    found = decided(tmp_path, "", lines=["fastapi", line])
    assert (found.device, found.certain) == ("cuda", certain)
    assert found.reasons[0][1] == Location("requirements.txt", 2)


@pytest.mark.parametrize("line", ["torch==2.9.1+cpu", "onnxruntime", "faiss-cpu"])
def test_requirements_that_say_nothing(tmp_path: Path, line: str) -> None:
    assert decided(tmp_path, "", lines=[line]).device == "cpu"


def test_what_a_tool_wrote_down_was_not_asked_for(tmp_path: Path) -> None:
    write(tmp_path, {"serve.py": HEAD})
    pins = [declare("torch==2.14"), declare("nvidia-cublas==13.0", 2, via=("torch",))]
    code = read(tmp_path, Scope())
    assert decide(code, pins, []).device == "cpu"
    assert decide(code, [declare("nvidia-cublas==13.0")], []).device == "cuda"


@pytest.mark.parametrize(
    ("packages", "needers", "said"),
    [
        (["sentence-transformers"], [], "sentence-transformers takes a GPU where there is one"),
        (["vllm"], [], "vllm, which needs a GPU, comes with the requirements"),
        ([], ["our-models"], "our-models needs torch, and whether it uses a GPU is not known"),
        ([], ["torchvision", "timm"], ""),
        (["triton", "nvidia-cublas", "cuda-toolkit"], [], ""),
    ],
)
def test_what_else_comes_in(tmp_path: Path, packages: list[str], needers: list[str], said: str) -> None:
    found = decided(tmp_path, "", packages=packages, needers=needers)
    assert (found.device, found.first) == ("cuda" if said else "cpu", said)


@pytest.mark.parametrize(("argument", "device"), [("device='cpu'", "cpu"), ("device='cuda'", "cuda"), ("", "cuda")])
def test_a_library_that_is_told_to_stay_on_the_cpu(tmp_path: Path, argument: str, device: str) -> None:
    code = f"from sentence_transformers import SentenceTransformer as S\nS('m', {argument})"
    assert decided(tmp_path, code, packages=["sentence-transformers"]).device == device


# -- texts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("settings.yaml", "a: 1\ndevice: cuda:0\n", 2),
        ("settings.ini", "use_cuda = true\n", 1),
        (".env", "DEVICE=cuda\n", 1),
        ("start.sh", "python serve.py --device cuda\n", 1),
        ("Dockerfile", "FROM nvidia/cuda:12.4.1-base\n", 1),
        ("pyproject.toml", '[[tool.uv.index]]\nurl = "https://torch.example/whl/cu128"\n', 2),
        ("requirements.txt", "--extra-index-url https://torch.example/whl/cu128\ntorch\n", 1),
        ("broken.py", "print 'cuda'\n", 1),
        (".env", "A=1\nCUDA_VISIBLE_DEVICES=0\n", 2),
        (".env", "DEVICE=gpu\n", 1),
        ("settings.yaml", "device: cuda  # else cpu\n", 1),
        ("settings.yaml", "providers: cuda,cpu\n", 1),
        ("settings.yaml", "cuda_device: 0\n", 1),
        ("settings.yaml", "use_gpu: true\n", 1),
        ("settings.yaml", "gpu_ids: [0]\n", 1),
        ("settings.yaml", "trainer:\n  accelerator: gpu\n", 2),
        ("settings.yaml", "device_map: auto\n", 1),
        ("settings.json", '{"accelerator": "gpu"}\n', 1),
        ("k8s.yaml", "limits:\n  nvidia.com/gpu: 1\n", 2),
        ("model.gin", "train.device = 'cuda'\n", 1),
    ],
)
def test_cuda_in_other_files(tmp_path: Path, name: str, text: str, line: int) -> None:
    found = decided(tmp_path, {"serve.py": HEAD, name: text})
    assert (found.device, found.certain) == ("cuda", False)
    assert found.reasons[0][1] == Location(name, line)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("settings.yaml", "use_cuda: false\n# device: cuda\n"),
        ("settings.json", '{"cuda": false, "other": "barracuda"}\n'),
        (".env", "CUDA=\nUSE_CUDA=0\nCUDA_VISIBLE_DEVICES=''\n"),
        ("settings.yml", "cuda: 0\n"),
        ("settings.yml", "gpus: 0\nuse_gpu: false\ngpu: no\naccelerator: cpu\ncuda: -1\n"),
        ("vocabulary.json", '{"gpu": 23533, "device": 7}\n'),
        ("notes.md", "This needs cuda.\n"),
        ("pyproject.toml", '[project]\ndescription = "no cuda"\n'),
        ("uv.lock", "cuda\n"),
    ],
)
def test_other_files_that_speak_of_no_cuda(tmp_path: Path, name: str, text: str) -> None:
    assert decided(tmp_path, {"serve.py": HEAD, name: text}).device == "cpu"


@pytest.mark.parametrize(
    ("name", "text"), [("Dockerfile", "FROM nvidia/cuda:12.4\n"), ("compose.yaml", "driver: nvidia\n")]
)
def test_what_the_image_does_not_hold_tells_how_it_is_run(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path, {"serve.py": HEAD, name: text})
    found = list(of_files(tmp_path, ["serve.py"], read(tmp_path, Scope())))
    assert [place.path for _, place in found] == [name]


def test_links_and_large_files_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "outside", {"a.env": "DEVICE=cuda\n"})
    root = write(tmp_path / "project", {"serve.py": HEAD, "large.json": '"cuda"\n' + " " * 1_000_001})
    (root / "b.env").symlink_to(tmp_path / "outside/a.env")
    code = read(root, Scope())
    assert list(of_files(root, ["b.env", "large.json", "gone.env"], code)) == []


def test_hostile_texts_stay_on_one_line(tmp_path: Path) -> None:
    write(tmp_path, {"serve.py": HEAD, "a.yaml": "device: cuda \x1b[31m" + "x" * 500 + "\n"})
    ((what, _),) = of_files(tmp_path, ["a.yaml"], read(tmp_path, Scope()))
    assert what.isprintable()
    assert len(what) < 80


def test_how_the_service_is_started() -> None:
    def said(command: list[str], env: dict[str, str]) -> list[str]:
        return [sentence(reason) for reason in of_service(command, env, "slimtorch.toml")]

    assert said(["python", "serve.py", "--device=cuda"], {}) == ["slimtorch.toml starts the service with --device=cuda"]
    assert said([], {"DEVICE": "cuda"}) == ["slimtorch.toml sets DEVICE=cuda"]
    assert said([], {"CUDA_VISIBLE_DEVICES": "0"}) == ["slimtorch.toml sets CUDA_VISIBLE_DEVICES=0"]
    assert said(["python", "serve.py"], {"CUDA_VISIBLE_DEVICES": "", "DEVICE": "cpu"}) == []
