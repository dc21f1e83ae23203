"""``environment.yml`` of conda: the names of its dependencies, and the list below ``pip:``.

Only the shape that ``conda env export`` and people write is read, line by line: a list of texts below the top-level key
``dependencies``. Anchors, flow lists over several lines and other YAML are not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from slimtorch.findings import Location
from slimtorch.project.declared.found import Found, joined, lines
from slimtorch.project.declared.model import PRODUCTION
from slimtorch.project.requirements_text.files import content

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = ("environment.yml", "environment.yaml", "conda.yml", "conda.yaml")
LARGEST = 1_000_000
"""Bytes of a file."""

_ITEM = re.compile(r"(\s*)-\s+(.*)")
_SPEC = re.compile(r"(?:[\w.:/-]+::)?([A-Za-z0-9_.-]+)\s*(.*)")
# Where conda's name is another than the index's; '' is no distribution of Python.
_NAMES = {
    "pytorch": "torch", "pytorch-gpu": "torch", "pytorch-cpu": "torch", "opencv": "opencv-python",
    "py-opencv": "opencv-python", "pytables": "tables", "msgpack-python": "msgpack",
    "python": "", "pip": "", "setuptools": "", "wheel": "", "cudatoolkit": "", "pytorch-cuda": "", "pytorch-mutex": "",
    "cuda": "", "cudnn": "", "cpuonly": "", "nodejs": "", "ffmpeg": "", "git": "", "gcc": "", "gxx": "", "cmake": "",
    "make": "", "libgcc-ng": "", "libstdcxx-ng": "", "openssl": "", "ca-certificates": "", "mkl": "",
}  # fmt: skip


def read(root: Path) -> Found:
    """What the first of the files declares.

    Raises:
        ConfigError: it cannot be read or is too large.
    """
    name = next((one for one in FILES if (root / one).is_file()), "")
    if not name:
        return Found()
    text = content(root / name, LARGEST).decode("utf-8-sig", "replace")
    return joined(
        lines([(item if pip else _of_conda(item), Location(name, number))], PRODUCTION)
        for number, item, pip in _items(text)
    )


def _items(text: str) -> Iterator[tuple[int, str, bool]]:
    inside, pip = False, -1
    for number, line in enumerate(text.splitlines(), 1):
        bare = re.sub(r"(?:^|\s)#.*", "", line).rstrip()
        if bare and not bare[0].isspace() and not bare.startswith("-"):
            inside, pip = bare.startswith("dependencies:"), -1
        if not inside or not (match := _ITEM.fullmatch(bare)):
            continue
        indent = len(match[1])
        pip = pip if indent > pip else -1
        item = match[2].strip("\"' ")
        if item.replace(" ", "") == "pip:":
            pip = indent
        elif item:
            yield number, item, pip >= 0


def _of_conda(item: str) -> str:
    """``numpy=1.26=py311_0`` as a requirement; only the name is sure, conda's versions are not the index's."""
    match = _SPEC.fullmatch(item)
    name = match[1] if match else ""
    return "" if name.startswith("_") else _NAMES.get(name.lower(), name)
