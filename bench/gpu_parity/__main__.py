"""``record`` and ``compare`` of `slimtorch.probe.in_image.operators`; ``bundle FILE`` writes both as one file.

On any machine with a GPU::

    python -m bench.gpu_parity bundle gpu_parity.pyz        # here; one file of standard Python, to be copied there
    python gpu_parity.pyz record original.json              # in the original installation or image
    python gpu_parity.pyz record slim.json                  # in the slimmed one
    python gpu_parity.pyz compare original.json slim.json --expect-missing 'fft-*=cufft'
"""

from __future__ import annotations

import runpy
import shutil
import sys
import tempfile
import zipapp
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "src/slimtorch/probe/in_image"


def bundle(target: Path) -> None:
    """Writes the package of operator families as a program in one file (PEP 441)."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "operators"
        shutil.copytree(SOURCES / "operators", package, ignore=shutil.ignore_patterns("__pycache__"))
        zipapp.create_archive(folder, target, "/usr/bin/env python3", "operators.__main__:run")


if __name__ == "__main__":
    if sys.argv[1:2] == ["bundle"] and len(sys.argv) == 3:
        bundle(Path(sys.argv[2]))
    else:
        sys.path.insert(0, str(SOURCES))
        runpy.run_module("operators", run_name="__main__", alter_sys=True)
