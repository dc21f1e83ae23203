"""The start command and the health check with a driver: a fake one that gcc compiles, so that no GPU is needed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import slimtorch.probe.in_image
from slimtorch.elf import stub
from slimtorch.elf.reading import opened
from tests.support import fake_cuda

pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(fake_cuda.missing()), reason=fake_cuda.missing())]
HERE = Path(slimtorch.probe.in_image.__file__).parent
WELL = (sys.executable, "-c", "print('started')")


def start(driver: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-I", "-S", str(HERE / "gpu_check.py"), *words]
    return subprocess.run(
        argv, check=False, capture_output=True, text=True, timeout=30, env={"LD_LIBRARY_PATH": str(driver.parent)}
    )


def test_a_gpu_that_the_code_runs_on(tmp_path: Path) -> None:
    done = start(fake_cuda.make(tmp_path, [(9, 0)]), "--gpu", "9.0=h100", "--", *WELL)
    assert (done.returncode, done.stdout, done.stderr) == (0, "started\n", "")


def test_another_gpu_stops_it_with_one_sentence(tmp_path: Path) -> None:
    done = start(fake_cuda.make(tmp_path, [(8, 6)]), "--gpu", "9.0=h100", "--gpu", "12.0=12.0", "--", *WELL)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == (
        "slimtorch: this image holds GPU code for compute capability 9.0 (h100), 12.0 only, and this machine's "
        "GPU 0 (Fake GPU) is 8.6: build it again with --gpu 8.6, or run it where such a GPU is\n"
    )


def test_one_of_several_gpus_is_enough(tmp_path: Path) -> None:
    done = start(fake_cuda.make(tmp_path, [(8, 6), (9, 0)]), "--gpu", "9.0=h100", "--", *WELL)
    assert (done.returncode, done.stdout) == (0, "started\n")


@pytest.mark.parametrize("devices", [[], [(8, 6)]])
def test_no_gpu_or_a_driver_that_does_not_work_stops_nothing(tmp_path: Path, devices: list[tuple[int, int]]) -> None:
    done = start(fake_cuda.make(tmp_path, devices, status=803), "--gpu", "9.0=h100", "--", *WELL)
    assert (done.returncode, done.stdout) == (0, "started\n")
    said = "slimtorch: the GPUs could not be looked at: cuInit gives error 803\n"
    assert done.stderr == (said if devices else "")


def test_a_stand_in_of_our_own_for_the_driver_stops_nothing(tmp_path: Path) -> None:
    # Its functions all return an error, and say so at the first call.
    with opened(fake_cuda.make(tmp_path / "real", [(8, 6)])) as original:
        data = stub.make(original, "cufft")
    driver = tmp_path / "libcuda.so.1"
    driver.write_bytes(data)
    done = start(driver, "--gpu", "9.0=h100", "--", *WELL)
    assert (done.returncode, done.stdout) == (0, "started\n")
    said, looked = done.stderr.splitlines()
    assert "stand-in" in said
    assert looked.startswith("slimtorch: the GPUs could not be looked at: cuInit gives error ")


def test_a_driver_that_crashes_stops_nothing(tmp_path: Path) -> None:
    source = tmp_path / "cuda.c"
    source.write_text("int cuInit(unsigned flags) { return *(volatile int *)8; }")
    driver = tmp_path / "libcuda.so.1"
    subprocess.run(["gcc", "-w", "-shared", "-fPIC", "-o", driver, source], check=True, timeout=60)
    done = start(driver, "--gpu", "9.0=h100", "--", *WELL)
    assert (done.returncode, done.stdout) == (0, "started\n")


def test_the_command_takes_the_place_of_the_check_and_gets_the_signals(tmp_path: Path) -> None:
    driver = fake_cuda.make(tmp_path, [(9, 0)])
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    argv = [
        sys.executable,
        "-I",
        "-S",
        str(HERE / "gpu_check.py"),
        "--gpu",
        "9.0=h100",
        "--",
        sys.executable,
        "-c",
        code,
    ]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, text=True, env={"LD_LIBRARY_PATH": str(driver.parent)}
    ) as child:
        assert child.stdout is not None
        assert int(child.stdout.readline()) == child.pid
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == -signal.SIGTERM


def test_the_health_check_says_it_too(tmp_path: Path) -> None:
    shutil.copy(HERE / "health.py", tmp_path)
    shutil.copy(HERE / "gpu_check.py", tmp_path / "start.py")
    driver = fake_cuda.make(tmp_path / "driver", [(8, 6)])
    argv = [sys.executable, "-I", "-S", str(tmp_path / "health.py"), "--port", "1", "--gpu", "9.0=h100"]
    done = subprocess.run(
        argv, check=False, capture_output=True, text=True, timeout=30, env={"LD_LIBRARY_PATH": str(driver.parent)}
    )
    assert done.returncode == 1
    first, second = done.stdout.splitlines()
    assert first == "unhealthy: /health on port 1: Connection refused"
    assert second.startswith("unhealthy: this image holds GPU code for compute capability 9.0 (h100) only")
