from __future__ import annotations

import pytest

from slimtorch.deps.compatibility import check, driver, requested
from slimtorch.deps.compatibility.rules import RULES
from slimtorch.findings import Finding, Severity
from slimtorch.image.digest import of_bytes
from slimtorch.project.lock import LockedWheel
from slimtorch.project.model import Torch
from slimtorch.tables.gpus import Gpu, find

SHA = of_bytes(b"")
ANY = Torch()


def gpus(*names: str) -> tuple[Gpu, ...]:
    return tuple(gpu for name in names if (gpu := find(name)))


def locked(text: str, machine: str = "x86_64") -> list[LockedWheel]:
    wheels = []
    for pin in text.split():
        name, _, version = pin.partition("==")
        filename = f"{name.replace('-', '_')}-{version}-cp311-cp311-manylinux_2_28_{machine}.whl"
        wheels.append(LockedWheel(name, version, filename, SHA, 1))
    return wheels


def told(findings: tuple[Finding, ...], *, above: Severity = Severity.WARNING) -> list[tuple[str, str]]:
    return [(one.rule, one.message) for one in findings if one.severity >= above]


def rules(findings: tuple[Finding, ...], severity: Severity = Severity.ERROR) -> list[str]:
    return [one.rule for one in findings if one.severity is severity]


# What is asked for. Each row: requirements, [torch], Python, and the rules broken for certain.
IMPOSSIBLE = [
    ("torch==2.9.*", Torch("cuda", "11.8"), "3.11", ["DEP721"]),
    ("torch==2.9.1+cu118", ANY, "3.11", ["DEP721"]),
    ("torch==2.8.0", Torch("cuda", "13.0"), "3.11", ["DEP721"]),
    ("torch>=2.9,<2.11", Torch("cuda", "12.1"), "3.11", ["DEP721"]),
    ("torch==2.9.1+cu128", Torch("cpu"), "3.11", ["DEP721"]),
    ("torch==2.9.1+cpu", Torch("cuda"), "3.11", ["DEP721"]),
    ("torch==2.9.1+cu128", Torch("cuda", "12.6"), "3.11", ["DEP721"]),
    ("torch==2.15.*", Torch("cuda", "12.6"), "3.11", ["DEP721"]),
    ("torch~=2.9.0", ANY, "3.9", ["DEP722"]),
    ("torch==2.3.1", ANY, "3.13", ["DEP722"]),
    ("torch==2.14.1", Torch("cuda", "13.0", gpus("v100")), "3.11", ["DEP723"]),
    ("torch", Torch("cuda", "13.0", gpus("p100")), "3.11", ["DEP723"]),
    ("fastapi", Torch("cuda", "13.2", gpus("6.1")), "3.11", ["DEP723"]),
    ("torch==2.6.0", Torch("cuda", "12.4", gpus("b200")), "3.11", ["DEP723"]),
    ("torch==2.7.0", Torch("cuda", "12.6", gpus("h100", "rtx-5090")), "3.11", ["DEP723"]),
    ("torch==2.11.*", Torch("cuda", "12.8", gpus("v100")), "3.11", ["DEP723"]),
    ("torch==2.14.*", Torch("cuda", "13.0", gpus("jetson-orin")), "3.11", ["DEP723"]),
]


@pytest.mark.parametrize(("lines", "torch", "python", "broken"), IMPOSSIBLE)
def test_what_cannot_be(lines: str, torch: Torch, python: str, broken: list[str]) -> None:
    found = requested(torch, [lines], python)
    assert [one.rule for one in found] == broken
    assert rules(found) == broken


POSSIBLE = [
    ("torch==2.9.*", Torch("cuda", "12.8"), "3.11"),
    ("torch==2.7.1+cu118", Torch("cuda", "11.8"), "3.11"),
    ("torch", Torch("cuda", "11.8"), "3.11"),  # an older one is found
    ("torch>=2", Torch("cuda", "12.6", gpus("h100", "l4", "v100")), "3.11"),
    ("torch==2.14.*", Torch("cuda", "12.6", gpus("v100")), "3.11"),
    ("torch==2.10.*", Torch("cuda", "12.8", gpus("v100", "b200", "gb10")), "3.11"),
    ("torch==2.14.*", Torch("cuda", "13.0", gpus("thor", "gb10", "b300")), "3.11"),
    ("torch==2.4.*", Torch("cuda", "12.4", gpus("b200")), "3.11"),  # the code of that build is not known
    ("torch==1.13.1", Torch("cuda", "12.8", gpus("a100")), "3.7"),  # older than the table
    ("torch==2.99.0", Torch("cuda", "11.8"), "3.20"),  # newer than the table
    ("torch==2.15.0", Torch("cuda", "13.4"), "3.11"),  # may have been built since
    ("torch==2.9.1; sys_platform == 'win32'", Torch("cuda", "11.8"), "3.9"),
    ("torch @ https://example.org/torch-2.9.1-cp311-cp311-linux_x86_64.whl", Torch("cuda", "11.8"), "3.11"),
    ("not a requirement at all", Torch("cuda", "11.8"), "3.11"),
    ("numpy==1.0", Torch("cpu"), "3.20"),
    ("torch", Torch("cpu"), "3.11"),
]


@pytest.mark.parametrize(("lines", "torch", "python"), POSSIBLE)
def test_what_can_be_or_is_not_known(lines: str, torch: Torch, python: str) -> None:
    assert requested(torch, [lines], python) == ()


def test_an_open_requirement_is_a_warning_because_a_newer_torch_may_do() -> None:
    found = requested(Torch("cuda", "11.8"), ["torch>=2.9"], "3.11")
    assert rules(found, Severity.WARNING) == ["DEP721"]
    assert "no known torch that satisfies torch>=2.9 (2.9 to 2." in found[0].message
    assert "the nearest torch for CUDA 11.8 is 2.7" in found[0].message
    assert rules(requested(Torch("cuda", "12.6", gpus("b200")), ["torch"], "3.11"), Severity.WARNING) == ["DEP723"]


def test_messages_name_both_ways_out() -> None:
    (found,) = requested(Torch("cuda", "11.8"), ["torch==2.9.*"], "3.11")
    assert found.message == (
        "torch 2.9 was never built for CUDA 11.8, only for 12.6, 12.8, 12.9 and 13.0; "
        "the nearest torch for CUDA 11.8 is 2.7"
    )
    (found,) = requested(Torch("cuda", "13.0", gpus("v100")), ["torch==2.14.1"], "3.11")
    assert found.message == (
        "CUDA 13.0 compiles nothing for v100 (compute capability 7.0): it begins with 7.5; "
        "torch 2.14 for CUDA 12.6 has code for it"
    )
    (found,) = requested(Torch("cuda", "12.6", gpus("b200")), ["torch==2.9.*"], "3.11")
    assert found.message == (
        "torch 2.9 for CUDA 12.6 has no code for b200 (compute capability 10.0), "
        "only for 5.0, 6.0, 7.0, 7.5, 8.0, 8.6 and 9.0; torch 2.9 for CUDA 13.0 has code for it"
    )
    (found,) = requested(ANY, ["torch==2.9.1"], "3.9")
    assert found.message == (
        "torch 2.9 was never built for Python 3.9, only for 3.10 to 3.14; the newest torch for Python 3.9 is 2.8"
    )


def test_constraints_count_and_machines_are_judged_apart() -> None:
    assert rules(requested(Torch("cuda", "11.8"), ["torch>=2", "torch<3", "torch==2.9.1"], "3.11")) == ["DEP721"]
    apart = ["torch==2.7.1; platform_machine == 'x86_64'", "torch==2.9.1; platform_machine == 'aarch64'"]
    assert rules(requested(Torch("cuda", "11.8"), apart, "3.11")) == ["DEP721"]
    assert requested(Torch("cuda", "12.8"), apart, "3.11") == ()


# Locked sets that really fail, and what is said of them.
T28 = (
    "torch==2.8.0 nvidia-cuda-runtime-cu12==12.8.90 nvidia-cudnn-cu12==9.10.2.21 nvidia-nccl-cu12==2.27.3 triton==3.4.0"
)
T214 = "torch==2.14.1 cuda-toolkit==13.0.3 nvidia-cuda-runtime==13.0.96 nvidia-cudnn-cu13==9.24.0.43 triton==3.8.1"
BROKEN = [
    (
        f"{T28} torchvision==0.22.1",
        "DEP724",
        ("torchvision 0.22.1 was built for torch 2.7, not for 2.8.0; for torch 2.8.0 it is torchvision 0.23"),
    ),
    (
        f"{T28} torchaudio==2.9.1",
        "DEP724",
        ("torchaudio 2.9.1 was built for torch 2.9, not for 2.8.0; for torch 2.8.0 it is torchaudio 2.8"),
    ),
    (
        "torch==2.13.0+cpu torchvision==0.28.0+cu130",
        "DEP725",
        "torchvision 0.28.0+cu130 is built for CUDA 13.0, but torch 2.13.0 for CPUs",
    ),
    (
        "torch==2.9.1+cu130 torchvision==0.24.1+cu128",
        "DEP725",
        "torchvision 0.24.1+cu128 is built for CUDA 12.8, but torch 2.9.1 for CUDA 13.0",
    ),
    (
        f"{T28} nvidia-cudnn-cu13==9.24.0.43",
        "DEP727",
        (
            "nvidia-cudnn-cu12 and nvidia-cudnn-cu13 put files of the same "
            "names into the same folder: one overwrites the other"
        ),
    ),
    (
        f"{T214} onnxruntime-gpu==1.26.0",
        "DEP728",
        "onnxruntime-gpu 1.26.0 loads CUDA 12 and cuDNN 9, but what is locked brings CUDA 13",
    ),
    (
        f"{T28} onnxruntime-gpu==1.31.0",
        "DEP728",
        "onnxruntime-gpu 1.31.0 loads CUDA 13 and cuDNN 9, but what is locked brings CUDA 12",
    ),
    (
        "torch==2.3.1 nvidia-cuda-runtime-cu12==12.1.105 nvidia-cudnn-cu12==8.9.2.26 onnxruntime-gpu==1.20.2",
        "DEP728",
        "onnxruntime-gpu 1.20.2 loads CUDA 12 and cuDNN 9, but nvidia-cudnn-cu12 8.9.2.26 is locked",
    ),
    (
        "numpy==2.1.0 opencv-python-headless==4.9.0.80",
        "DEP729",
        (
            "opencv-python-headless 4.9.0.80 is compiled against "
            "numpy 1 and cannot be imported with numpy 2.1.0; opencv-python-headless 4.10.0.84 runs with both"
        ),
    ),
    (
        "numpy==2.4.6 onnxruntime==1.17.3",
        "DEP729",
        (
            "onnxruntime 1.17.3 is compiled against "
            "numpy 1 and cannot be imported with numpy 2.4.6; onnxruntime 1.19.0 runs with both"
        ),
    ),
]


@pytest.mark.parametrize(("pins", "rule", "message"), BROKEN)
def test_sets_that_do_not_work(pins: str, rule: str, message: str) -> None:
    found = check(locked(pins), ANY, "3.11")
    assert (rule, message) in told(found, above=Severity.ERROR)


LIKELY = [
    # The wheels of the public index are for CUDA; this is what a +cpu torch from elsewhere gets beside it.
    (
        "torch==2.13.0+cpu torchvision==0.28.0",
        "DEP725",
        ("torchvision 0.28.0 is built for CUDA 13.0 on the public index, but torch 2.13.0 for CPUs"),
    ),
    (
        "torch==2.9.1+cu128 torchvision==0.24.1+cpu",
        "DEP725",
        "torchvision 0.24.1+cpu is built for CPUs, but torch 2.9.1 for CUDA 12.8",
    ),
    (T28.replace("3.4.0", "3.5.1"), "DEP726", "triton 3.5.1 was locked, but torch 2.8 goes with triton 3.4"),
    (
        f"{T28} cupy-cuda13x==13.6.0",
        "DEP727",
        (
            "2 major versions of CUDA are locked: CUDA 12 (nvidia-cuda-runtime-cu12, "
            "nvidia-cudnn-cu12, nvidia-nccl-cu12) and CUDA 13 (cupy-cuda13x)"
        ),
    ),
    (
        "onnxruntime-gpu==1.26.0 numpy==2.0.0",
        "DEP728",
        "onnxruntime-gpu 1.26.0 loads CUDA 12 and cuDNN 9, and nothing that is locked brings them",
    ),
    (
        "torch==2.2.2+cpu numpy==2.0.0",
        "DEP729",
        (
            "torch 2.2.2+cpu is compiled against numpy 1 and hands over no arrays "
            "with numpy 2.0.0; torch 2.3.0 runs with both"
        ),
    ),
    (
        f"{T28} torchaudio==2.11.0",
        "DEP724",
        ("torchaudio 2.11.0 was built for torch 2.11 and newer, not for 2.8.0; for torch 2.8.0 it is torchaudio 2.8"),
    ),
]


@pytest.mark.parametrize(("pins", "rule", "message"), LIKELY)
def test_sets_that_are_likely_to_fail(pins: str, rule: str, message: str) -> None:
    found = check(locked(pins), ANY, "3.11")
    assert (rule, message) in [(one.rule, one.message) for one in found if one.severity is Severity.WARNING]
    assert not rules(found)


GOOD = [
    f"{T28} torchvision==0.23.0 torchaudio==2.8.0 numpy==2.3.0 onnxruntime-gpu==1.26.0",
    f"{T214} torchvision==0.29.1 torchaudio==2.11.0 onnxruntime-gpu==1.31.0 numpy==2.4.6",
    "torch==2.13.0+cpu torchvision==0.28.0+cpu numpy==1.26.4 opencv-python==4.9.0.80 onnxruntime==1.17.3",
    "torch==2.15.0 cuda-toolkit==13.2.2 torchvision==0.29.2 triton==3.9.0",
    "torch==2.9.1+cu126 torchvision==0.24.1+cu126 nvidia-cuda-runtime-cu12==12.6.77",
    "torch==2.9.1+cu126 torchvision==0.24.1+cu128",  # minor versions of CUDA run beside each other
    "torch==2.9.1+rocm6.4 torchvision==0.24.1+rocm6.4",
    # Nothing of this is in the tables.
    "torch==3.1.0 torchvision==0.44.0 torchaudio==3.1.0 triton==9.0.0 onnxruntime-gpu==9.9 numpy==3.0 scipy==9.0",
    "torch==1.13.1 torchvision==0.14.1 nvidia-cuda-runtime-cu11==11.7.99 numpy==1.26.4",
    "torch==nightly torchvision==main numpy==dev",
    "fastapi==0.115.0",
    "",
]


@pytest.mark.parametrize("pins", GOOD)
def test_good_and_unknown_sets(pins: str) -> None:
    assert told(check(locked(pins), ANY, "3.11")) == []


def test_the_lock_is_held_against_what_was_asked_for() -> None:
    assert told(check(locked("torch==2.9.1+cpu"), Torch("cuda"), "3.11")) == [
        ("DEP721", 'torch 2.9.1 was locked as a build for CPUs, but [torch] says device = "cuda"')
    ]
    ((rule, message),) = told(check(locked(T28), Torch("cuda", "11.8"), "3.11"))
    assert rule == "DEP721"
    assert message.startswith(
        'torch 2.8.0 was locked for CUDA 12.8, but [torch] says cuda = "11.8": torch 2.8 was never'
    )
    assert told(check(locked(T28), Torch("cuda", "12.8"), "3.11")) == []
    assert told(check(locked(T28), Torch("cuda"), "3.12")) == [
        ("DEP722", "torch-2.8.0-cp311-cp311-manylinux_2_28_x86_64.whl is not for Python 3.12")
    ]


def test_another_package_s_cuda_is_not_torch_s() -> None:
    found = check(locked(f"{T28} nvidia-cuda-runtime==13.0.96"), Torch("cuda", "12.8", gpus("v100")), "3.11")
    assert rules(found) == []
    assert rules(found, Severity.WARNING) == ["DEP727"]


def test_gpus_are_held_against_the_code_in_the_wheel() -> None:
    ((rule, message),) = told(check(locked(T214), Torch("cuda", "", gpus("h100", "v100")), "3.11"))
    assert rule == "DEP723"
    assert message == (
        "torch 2.14.1 for CUDA 13.0 has no code for v100 (compute capability 7.0), "
        "only for 7.5, 8.0, 8.6, 9.0, 10.0 and 12.0; torch 2.14 for CUDA 12.6 has code for it"
    )
    arm = list(locked(T214, "aarch64"))
    assert told(check(arm, Torch("cuda", "", gpus("thor", "gb10", "h100")), "3.11")) == []
    assert rules(check(arm, Torch("cuda", "", gpus("t4")), "3.11")) == ["DEP723"]
    assert told(check(locked(T214.replace("2.14.1", "2.77.0")), Torch("cuda", "", gpus("v100")), "3.11")) == []


def test_ptx_alone_is_a_warning() -> None:
    asked = Torch("cuda", "", (Gpu("next", "13.0", "Next"),))
    found = check(locked("torch==2.9.1+cu130"), asked, "3.11")
    assert rules(found, Severity.WARNING) == ["DEP723"]
    assert "torch 2.9.1 for CUDA 13.0 has only PTX for next (compute capability 13.0)" in found[0].message


def test_the_driver_is_told() -> None:
    told_of = {one.message for one in check(locked(T214), ANY, "3.11") if one.severity is Severity.INFO}
    assert told_of == {"CUDA 13.0 needs the NVIDIA driver 580 or newer on the host; it came with 580.65.06"}
    assert check(locked("torch==2.13.0+cpu"), ANY, "3.11") == ()
    assert driver("12.8") == "525.60.13"


def test_a_second_framework_is_information() -> None:
    found = check(locked("torch==2.13.0+cpu tensorflow==2.20.0"), ANY, "3.11")
    assert [(one.rule, one.severity) for one in found] == [("DEP730", Severity.INFO)]


def test_the_worst_comes_first_and_every_rule_says_what_to_do() -> None:
    found = check(locked(f"{T28} torchvision==0.22.1 cupy-cuda13x==13.6.0 tensorflow==2.20.0"), ANY, "3.11")
    assert [one.severity for one in found] == sorted((one.severity for one in found), reverse=True)
    assert all(rule.fix and rule.why for rule in RULES)
    assert [rule.id for rule in RULES] == [f"DEP{number}" for number in range(721, 732)]
