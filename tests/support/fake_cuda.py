"""A CUDA driver that says what a test wants: a few functions of the driver API, compiled by the system's C compiler."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SOURCE = """
#include <string.h>
static const int capability[][2] = {%(capabilities)s};
static const int count = %(count)d;
int cuInit(unsigned flags) { return count ? %(status)d : 100; }
int cuDeviceGetCount(int *found) { *found = count; return 0; }
int cuDeviceGet(int *device, int number) { *device = number + 40; return number < count ? 0 : 101; }
int cuDeviceGetName(char *name, int size, int device) { strncpy(name, "Fake GPU", size); return device < 40 ? 101 : 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    if (device < 40 || (attribute != 75 && attribute != 76)) return 1;
    *value = capability[device - 40][attribute - 75];
    return 0;
}
"""


def missing() -> str:
    """Why no driver can be made here; '' where one can."""
    return "" if shutil.which("gcc") else "gcc is not installed"


def make(folder: Path, devices: Sequence[tuple[int, int]], *, status: int = 0) -> Path:
    """``libcuda.so.1`` in `folder`, with GPUs of these compute capabilities; `status` is what ``cuInit`` returns."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = ", ".join(f"{{{major}, {minor}}}" for major, minor in devices) or "{0, 0}"
    source = folder / "cuda.c"
    source.write_text(SOURCE % {"capabilities": pairs, "count": len(devices), "status": status})
    made = folder / "libcuda.so.1"
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", made, source], check=True, timeout=60)
    return made
