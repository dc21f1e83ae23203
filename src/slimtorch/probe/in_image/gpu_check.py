"""The container's start command where GPU code was left out: starts the service only where what is left can run.

``python3 -I -S /usr/lib/slimtorch/start.py --gpu 9.0=h100 [--exact 8.7=orin] [--not 8.7] [--ptx 9.0] -- COMMAND …``

``--gpu`` names a compute capability that compiled code was kept for: it also runs on a higher minor version of the same
major one, but not on those of ``--not`` (Jetson). ``--exact`` code runs on its own capability only; ``--ptx`` code on
that one and on everything newer. Where no visible GPU is covered, one sentence on standard error and exit status 78
(EX_CONFIG, sysexits.h). Without a driver or a GPU the service starts: it may compute on the CPU. The command replaces
this process, so it gets the signals. The health check uses `problem`.
"""

import os
import signal
import sys

REFUSED, NOT_FOUND, NOT_ALLOWED = 78, 127, 126
MAJOR, MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR (CUDA driver API)."""
NO_DEVICE = 100
PATIENCE = 60
"""Seconds that the driver may take; several GPUs without persistence mode take many."""
OPTIONS = ("--gpu", "--exact", "--not", "--ptx")


class DriverError(Exception):
    """The driver answered with an error."""


def devices() -> list[tuple[str, tuple[int, int]]]:
    """Name and compute capability of each GPU that this process may use; empty without a driver.

    Raises:
        DriverError: the driver is there, and does not work.
    """
    try:
        import ctypes  # noqa: PLC0415  (the service may run where it is missing)

        driver = ctypes.CDLL("libcuda.so.1")
    except (ImportError, OSError):
        return []
    status = driver.cuInit(0)
    if status == NO_DEVICE:
        return []
    expect(status, "cuInit")
    count, device, value = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    expect(driver.cuDeviceGetCount(ctypes.byref(count)), "cuDeviceGetCount")
    found = []
    for number in range(count.value):
        name, numbers = ctypes.create_string_buffer(128), []
        expect(driver.cuDeviceGet(ctypes.byref(device), number), "cuDeviceGet")
        expect(driver.cuDeviceGetName(name, 128, device), "cuDeviceGetName")
        for attribute in (MAJOR, MINOR):
            expect(driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device), "cuDeviceGetAttribute")
            numbers.append(value.value)
        found.append((name.value.decode(errors="replace"), (numbers[0], numbers[1])))
    return found


def expect(status: int, function: str) -> None:
    """Nothing, where the driver's function succeeded.

    Raises:
        DriverError: it did not.
    """
    if status:
        raise DriverError(f"{function} gives error {status}")


def capability(text: str) -> tuple[int, int]:
    """``9.0=h100`` as (9, 0).

    Raises:
        ValueError: it is none.
    """
    major, _, minor = text.partition("=")[0].partition(".")
    return int(major), int(minor)


def covered(device: tuple[int, int], rule: list[tuple[str, str]]) -> bool:
    """Whether code that was kept runs on a GPU of this compute capability."""
    given = {option: [capability(text) for name, text in rule if name == option] for option in OPTIONS}
    if device in given["--exact"] or any(device >= least for least in given["--ptx"]):
        return True
    plain = any(device[0] == made[0] and device[1] >= made[1] for made in given["--gpu"])
    return plain and device not in given["--not"]


def problem(rule: list[tuple[str, str]]) -> str:
    """One sentence where no GPU of this machine can run what was kept; '' where one can, or there is none."""
    try:
        found = devices()
    except DriverError as error:
        # Whatever uses the GPU will say so itself, and what does not may run.
        say(f"the GPUs could not be looked at: {error}")
        return ""
    if not found or any(covered(device, rule) for _, device in found):
        return ""
    kept = ", ".join(_named(text) for option, text in rule if option in {"--gpu", "--exact"})
    here = ", ".join(f"GPU {n} ({name}) is {major}.{minor}" for n, (name, (major, minor)) in enumerate(found))
    wanted = " ".join(f"--gpu {major}.{minor}" for major, minor in sorted({device for _, device in found}))
    return (
        f"this image holds GPU code for compute capability {kept} only, and this machine's {here}: "
        f"build it again with {wanted}, or run it where such a GPU is"
    )


def _named(text: str) -> str:
    number, _, name = text.partition("=")
    return f"{number} ({name})" if name and name != number else number


def options(words: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """The rule, and the command after ``--``.

    Raises:
        ValueError: an option is unknown, incomplete, or no compute capability; or there is no command.
    """
    at = words.index("--")
    pairs = list(zip(words[:at:2], words[1:at:2]))  # noqa: B905  (Python 3.9)
    if at % 2 or at + 1 == len(words) or any(name not in OPTIONS for name, _ in pairs):
        raise ValueError
    for _, text in pairs:
        capability(text)
    return pairs, words[at + 1 :]


def checked(rule: list[tuple[str, str]]) -> int:
    """The exit status of a process of its own that looks at the GPUs, so that none of the driver stays behind."""
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)
        text = problem(rule)
        if text:
            say(text)
        os._exit(REFUSED if text else 0)
    status = os.waitpid(child, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0


def say(text: str) -> None:
    """One line on standard error."""
    os.write(2, f"slimtorch: {text}\n".encode())


def main(words: list[str]) -> int:
    """The exit status, where the command was not started."""
    try:
        rule, command = options(words)
    except ValueError:
        say("usage: start.py [--gpu X.Y=NAME] [--exact X.Y=NAME] [--not X.Y] [--ptx X.Y] -- COMMAND [ARGUMENT ...]")
        return 2
    if checked(rule) == REFUSED:
        return REFUSED
    try:
        os.execvp(command[0], command)  # noqa: S606  (no shell is meant)
    except OSError as error:
        say(f"{command[0]}: {error.strerror}")
        return NOT_ALLOWED if isinstance(error, PermissionError) else NOT_FOUND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
