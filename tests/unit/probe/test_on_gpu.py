"""How an image is asked to compute on a GPU: engines are recorded, the script inside runs for real without torch."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import MachineError, ToolError
from slimtorch.host.engines import gpu
from slimtorch.host.process import Completed
from slimtorch.host.process import run as really
from slimtorch.probe import on_gpu

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import IO

GOOD = json.dumps({"about": {"device": "H100"}, "families": {"norms": {"error": "x"}}}).encode()


class Engines:
    """Answers by the words of the command line, and keeps those."""

    def __init__(self, **answers: Completed) -> None:
        self.answers, self.asked = answers, list[list[str]]()

    def __call__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        stdin: bytes | IO[bytes] | None = None,
        cwd: Path | None = None,
        timeout: float | None = None,
    ) -> Completed:
        del env, stdin, cwd, timeout
        self.asked.append(list(argv))
        found = next((self.answers[word] for word in self.answers if word in {w.lstrip("-") for w in argv}), None)
        if found is None:
            raise MachineError(f"{argv[0]} is not installed on this machine")
        return found


def ended(status: int, out: bytes = b"", err: str = "") -> Completed:
    return Completed((), status, out, err)


def test_a_machine_without_a_gpu(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="no NVIDIA GPU") as caught:
        gpu.require([str(tmp_path / "nvidia0")])
    assert "bench/gpu_parity" in caught.value.hint
    (tmp_path / "nvidia0").touch()
    gpu.require([str(tmp_path / "nvidia0")])


def test_the_engines_that_answer() -> None:
    assert gpu.first(Engines(docker=ended(0), podman=ended(0))) == ("docker", "podman")
    assert gpu.first(Engines(podman=ended(0))) == ("podman",)
    assert gpu.first(Engines(docker=ended(0), podman=ended(0)), "podman") == ("podman",)
    with pytest.raises(MachineError, match="docker: no daemon; podman: podman is not installed"):
        gpu.first(Engines(docker=ended(1, err="no daemon")))
    with pytest.raises(MachineError, match="bubblewrap cannot hand over a GPU"):
        gpu.first(Engines(docker=ended(0)), "bubblewrap")


def test_dockers_hook_comes_before_cdi() -> None:
    engines = Engines(gpus=ended(125, err="could not select device driver"), device=ended(0, GOOD))
    assert on_gpu.observe("docker", "image", engines)["families"] == {"norms": {"error": "x"}}
    first, second = engines.asked
    assert first[:3] == second[:3] == ["docker", "run", "--rm"]
    assert "--network" in first
    assert first[first.index("--gpus") + 1] == "all"
    assert second[second.index("--device") + 1] == "nvidia.com/gpu=all"
    assert second[second.index("--entrypoint") + 1 :][:2] == ["python3", "image"]


def test_an_engine_without_the_toolkit() -> None:
    with pytest.raises(MachineError, match=r"podman does not hand over a GPU: --device nvidia\.com/gpu=all: unres"):
        on_gpu.observe("podman", "image", Engines(device=ended(125, err="unresolvable CDI devices")))


def test_the_script_without_torch_says_so() -> None:
    def local(argv: Sequence[str], **given: object) -> Completed:
        stdin = given["stdin"]
        assert isinstance(stdin, bytes)
        return really([sys.executable, "-I", "-S", *argv[argv.index("image") + 3 :]], stdin=stdin, timeout=60)

    with pytest.raises(ToolError, match="computed on the GPU: ModuleNotFoundError: No module named 'torch'"):
        on_gpu.observe("docker", "image", local)
