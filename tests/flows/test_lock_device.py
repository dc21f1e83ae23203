"""CPU or CUDA at the command line: decided, said, kept in the lock, refused with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.project import lock_file
from tests.support.refusal import refused
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.shop import Done, Shop

X86 = "cp311-cp311-manylinux_2_28_x86_64"
MARKER = 'nvidia-cuda-runtime==13.0.96; platform_system == "Linux"'
GUARDED = "D = 'cuda' if torch.cuda.is_available() else 'cpu'"


@pytest.fixture
def torch(shop: Shop, tmp_path: Path) -> Torch:
    """A project with a torch for CUDA 13.0, and without any lock."""
    made = Torch(shop, tmp_path / "wheels")
    make_wheel(made.wheels, "nvidia-cuda-runtime", "13.0.96", {"lib.so": "".join(map(str, range(400_000)))}, tag=X86)
    make_wheel(made.wheels, "torch", "2.14.0", tag=X86, requires=[MARKER])
    shop.write("requirements.txt", "parrot-words\ntorch>=2\n")
    (shop.project / lock_file.NAME).unlink()
    return made


class Torch:
    """`shop`, with a find-links folder of its own."""

    def __init__(self, shop: Shop, wheels: Path) -> None:
        self.shop, self.wheels = shop, wheels

    def __call__(self, command: str, *arguments: str) -> Done:
        places = ("--apt-mirror", self.shop.stock.mirror, "--find-links", str(self.wheels))
        return self.shop(command, *places, *arguments)

    def serve(self, version: str, *requires: str) -> None:
        make_wheel(self.wheels, "torch", version, tag=X86, requires=requires)

    def uses(self, line: str) -> None:
        self.shop.write("parrot/beak.py", f"import torch\n\n{line}\n")

    def says(self, line: str) -> None:
        self.shop.write("slimtorch.toml", (self.shop.project / "slimtorch.toml").read_text() + f"\n[torch]\n{line}\n")


def versions(done: Done) -> dict[str, str]:
    (platform,) = done.json["platforms"].values()
    return {wheel["name"]: wheel["version"] for wheel in platform["wheels"]}


def test_a_service_without_a_gpu_gets_the_cpu_build_and_is_told(torch: Torch) -> None:
    torch.serve("2.13.0+cpu")
    done = torch("lock").ok()
    assert "nothing in the 3 source files of the service uses a GPU: torch is taken for the CPU, which" in done.err
    shown = torch("lock", "--format", "json").ok()
    assert shown.json["device"] == {"declared": False, "decided": "cpu"}
    assert any("nothing in the 3 source files" in note for note in shown.json["notes"])
    assert versions(shown)["torch"] == "2.13.0+cpu"
    assert torch("lock", "--check").ok().err == "slimtorch.lock fits the project\n"


def test_code_that_uses_a_gpu_now_is_noticed_by_check_and_build(torch: Torch, tmp_path: Path) -> None:
    torch.serve("2.13.0+cpu")
    torch("lock").ok()
    torch.uses("torch.zeros(1).cuda()")
    for arguments in (("lock", "--check"), ("build", "--dry-run", "-o", f"oci:{tmp_path}/out")):
        done = torch(*arguments).ok()
        assert "parrot/beak.py:3 calls .cuda(), and the lock was made for the CPU" in done.err
        assert "run `slimtorch lock`" in done.err
    assert versions(torch("lock", "--format", "json").ok())["torch"] == "2.14.0"
    assert "made for the CPU" not in torch("lock", "--check").ok().err


def test_a_guarded_service_keeps_cuda_and_is_told_the_price(torch: Torch) -> None:
    torch.serve("2.13.0+cpu")
    torch.uses(GUARDED)
    done = torch("lock", "--format", "json").ok()
    assert versions(done)["torch"] == "2.14.0"
    assert done.json["device"]["decided"] == "cuda"
    assert "parrot/beak.py:3 asks torch.cuda.is_available" in done.err
    assert 'device = "cpu" would save' in done.err


def test_no_cpu_build_is_no_failure_where_nobody_asked_for_one(torch: Torch) -> None:
    done = torch("lock", "--format", "json").ok()
    assert versions(done)["torch"] == "2.14.0"
    assert "but CUDA comes in for linux/amd64" in done.err
    assert f"nvidia_cuda_runtime-13.0.96-{X86}.whl" in done.err


def test_a_declared_cpu_refuses_cuda_with_line_marker_and_bytes(torch: Torch) -> None:
    torch.says('device = "cpu"')
    done = torch("lock")
    refused(
        done,
        "requirements.txt brings CUDA",
        "862 kB in 1 package",
        "requirements.txt:2 asks for torch>=2",
        f"torch==2.14.0 needs {MARKER}",
        hint=r"serve a \+cpu build",
    )
    assert not (torch.shop.project / lock_file.NAME).exists()


def test_a_cuda_version_is_chosen_among_what_is_served(torch: Torch) -> None:
    make_wheel(torch.wheels, "nvidia-cuda-runtime", "12.8.90", tag=X86)
    torch.serve("2.9.1+cu128", "nvidia-cuda-runtime==12.8.90")
    torch.says('device = "cuda"\ncuda = "12.8"')
    done = torch("lock", "--format", "json").ok()
    assert versions(done)["torch"] == "2.9.1+cu128"
    assert done.json["device"] == {"declared": True, "decided": ""}
    assert "newest build for CUDA 12.8" in done.err


def test_a_pair_that_was_never_built_is_refused_before_anybody_is_asked(torch: Torch) -> None:
    torch.shop.write("requirements.txt", "torch==2.9.1\n")
    torch.says('device = "cuda"\ncuda = "11.8"')
    refused(torch("lock"), "2.9", "11.8", hint="")


def test_a_project_without_torch_is_not_read(shop: Shop) -> None:
    shop.write("parrot/beak.py", "import torch\ntorch.zeros(1).cuda()\n")
    done = shop.lock("--format", "json").ok()
    assert done.json["device"] == {"declared": False, "decided": ""}
    assert "[decided]" not in (shop.project / lock_file.NAME).read_text()
    assert "GPU" not in done.err


def test_development_tools_are_mentioned(torch: Torch) -> None:
    make_wheel(torch.wheels, "pytest")
    torch.shop.write("requirements.txt", "parrot-words\npytest\n")
    done = torch("lock").ok()
    assert "1 of 2 requirements looks like a development tool (pytest)" in done.err
    assert "`slimtorch deps split requirements.txt`" in done.err
