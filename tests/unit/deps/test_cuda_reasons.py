"""How CUDA came in, told from the user's line down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.deps.development import note
from slimtorch.deps.device.chains import reasons
from slimtorch.findings import Location
from slimtorch.inventory.distributions import Distribution
from slimtorch.inventory.needs import environment
from slimtorch.project.declared import Declared
from slimtorch.project.model import Requirements

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = environment("3.11", "x86_64")


def known(**requires: list[str]) -> dict[str, Distribution]:
    names = {name.replace("_", "-"): lines for name, lines in requires.items()}
    return {name: Distribution(name, "1.0", frozenset(), tuple(lines)) for name, lines in names.items()}


def asked(*lines: str) -> list[Declared]:
    return [Declared(line.split(">")[0], line, Location("requirements.txt", n)) for n, line in enumerate(lines, 1)]


TORCH = known(
    fastapi=[],
    torch=['nvidia-cublas==13.*; platform_system == "Linux"', 'triton==3.8; platform_system == "Linux"'],
    nvidia_cublas=["nvidia-nvrtc"],
    nvidia_nvrtc=[],
    triton=[],
)
CUDA = ["nvidia-cublas", "nvidia-nvrtc", "triton", "torch"]


def test_the_chain_of_torch() -> None:
    assert reasons(CUDA, TORCH, asked("fastapi", "torch>=2"), ENVIRONMENT) == (
        "requirements.txt:2 asks for torch>=2",
        'torch==1.0 needs nvidia-cublas==13.*; platform_system == "Linux", and 1 more like it',
    )


def test_a_library_between_the_user_and_torch() -> None:
    found = {**TORCH, **known(easyocr=["torch"])}
    assert reasons(CUDA, found, asked("easyocr"), ENVIRONMENT)[:2] == (
        "requirements.txt:1 asks for easyocr",
        "easyocr==1.0 needs torch",
    )


def test_a_part_of_cuda_that_the_user_asks_for() -> None:
    assert reasons(["nvidia-nvrtc"], TORCH, asked("nvidia-nvrtc"), ENVIRONMENT) == (
        "requirements.txt:1 asks for nvidia-nvrtc",
    )


def test_two_ways_are_both_told() -> None:
    found = {**TORCH, **known(plugin=["triton"], other=["nvidia-cublas"])}
    said = reasons(["triton", "nvidia-cublas"], found, asked("plugin", "other"), ENVIRONMENT)
    assert "plugin==1.0 needs triton" in said
    assert "other==1.0 needs nvidia-cublas" in said


def test_where_no_line_is_known_the_chain_starts_at_the_top() -> None:
    assert reasons(CUDA, TORCH, [], ENVIRONMENT) == (
        'torch==1.0 needs nvidia-cublas==13.*; platform_system == "Linux", and 1 more like it',
    )


def test_without_metadata_nothing_is_said() -> None:
    assert reasons(CUDA, {}, asked("torch"), ENVIRONMENT) == ()


def test_a_marker_that_does_not_hold_is_no_reason() -> None:
    found = known(torch=['nvidia-cublas; platform_machine == "aarch64"', "triton"], nvidia_cublas=[], triton=[])
    said = reasons(["nvidia-cublas", "triton"], found, asked("torch"), ENVIRONMENT)
    assert not any("aarch64" in line for line in said)


def test_development_tools_are_counted_by_their_names(tmp_path: Path) -> None:
    files = Requirements(files=(tmp_path / "requirements.txt",))
    (said,) = note(asked("torch", "pytest", "black>22"), files)
    assert said.startswith("2 of 3 requirements look like development tools (pytest, black); ")
    assert "`slimtorch deps split requirements.txt`" in said
    assert note(asked("torch", "fastapi"), files) == []
    assert note(asked("pytest"), Requirements(inline=("pytest",))) == []
    brought = Declared("pytest", "pytest==9", Location("requirements.txt", 1), via=("plugin",))
    assert note([brought], files) == []
