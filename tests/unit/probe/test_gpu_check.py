"""The start command of an image whose GPU code was pruned, as a process of its own; the driver is not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import slimtorch.probe.in_image
from slimtorch.probe.in_image import gpu_check
from slimtorch.project.gpu_check import arguments, entrypoint
from slimtorch.tables import gpus

SCRIPT = Path(slimtorch.probe.in_image.__file__).with_name("gpu_check.py")


def start(*words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-I", "-S", str(SCRIPT), *words]
    env = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": "/nonexistent"}
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=20, env=env)


def rule(*names: str, keep_ptx: str = "none", newest: str = "") -> list[tuple[str, str]]:
    found = [gpus.find(name) for name in names]
    words = arguments([gpu for gpu in found if gpu], keep_ptx=keep_ptx, newest=newest)
    return list(zip(words[::2], words[1::2], strict=True))


@pytest.mark.parametrize(
    ("kept", "device", "runs"),
    [
        (("h100",), (9, 0), True),
        (("h100",), (8, 6), False),
        (("h100",), (10, 0), False),
        (("a100",), (8, 6), True),
        (("a100",), (8, 9), True),
        (("a100",), (8, 7), False),  # Jetson Orin
        (("8.9",), (8, 6), False),
        (("8.6", "9.0"), (9, 0), True),
        (("8.6", "9.0"), (7, 5), False),
        (("8.7",), (8, 7), True),
        (("8.7",), (8, 9), False),  # Jetson's code runs on nothing else
    ],
)
def test_what_compiled_code_runs_on(kept: tuple[str, ...], device: tuple[int, int], *, runs: bool) -> None:
    assert gpu_check.covered(device, rule(*kept)) is runs


def test_ptx_runs_on_whatever_is_newer() -> None:
    kept = rule("h100", keep_ptx="newest")
    assert gpu_check.covered((12, 0), kept)
    assert not gpu_check.covered((8, 9), kept)
    assert not gpu_check.covered((9, 0), rule("8.6", keep_ptx="newest", newest="10.0"))


def test_the_rule_agrees_with_the_table_for_every_pair_of_known_gpus() -> None:
    for made in gpus.gpus().values():
        code = f"sm_{made.capability.replace('.', '')}"
        for device in gpus.gpus().values():
            runs = gpu_check.covered(gpu_check.capability(device.capability), rule(made.capability))
            assert runs is gpus.covers(code, device), (made, device)


def test_without_a_driver_the_command_is_started() -> None:
    done = start("--gpu", "9.0=h100", "--", sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(7)", "a b")
    assert (done.returncode, done.stdout, done.stderr) == (7, "['a b']\n", "")


def test_a_command_that_is_not_there() -> None:
    done = start("--gpu", "9.0=h100", "--", "no-such-program")
    assert (done.returncode, done.stderr) == (127, "slimtorch: no-such-program: No such file or directory\n")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--gpu", "9.0"],
        ["--gpu", "9.0", "--"],
        ["--gpu", "--", "true"],
        ["--gpu", "nine", "--", "true"],
        ["--cpu", "9.0", "--", "true"],
    ],
)
def test_misuse(words: list[str]) -> None:
    done = start(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("slimtorch: usage: start.py")


def test_the_entry_point() -> None:
    h100 = gpus.find("h100")
    assert h100 is not None
    python = "/usr/bin/python3.11"
    words = entrypoint(python, arguments([h100]))
    assert words == (python, "-I", "-S", "/usr/lib/slimtorch/start.py", "--gpu", "9.0=h100", "--")
    assert gpu_check.options([*words[4:], "serve"]) == ([("--gpu", "9.0=h100")], ["serve"])
    assert entrypoint(python, arguments([])) == ()
