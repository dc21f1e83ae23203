"""Source distributions whose build leaves a trace, so that a test sees when one was run."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_BACKEND = """
open({trap!r}, "a").write("ran\\n")

def _metadata(folder):
    import os
    os.mkdir(os.path.join(folder, "{name}-{version}.dist-info"))
    text = "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
    open(os.path.join(folder, "{name}-{version}.dist-info", "METADATA"), "w").write(text)
    open(os.path.join(folder, "{name}-{version}.dist-info", "WHEEL"), "w").write("Wheel-Version: 1.0\\n")
    return "{name}-{version}.dist-info"

def prepare_metadata_for_build_wheel(folder, config_settings=None):
    return _metadata(folder)

def build_wheel(folder, config_settings=None, metadata_directory=None):
    raise SystemExit("no")
"""


def make_sdist(folder: Path, trap: Path, name: str = "demo", version: str = "2.0") -> Path:
    """A source distribution whose metadata only a build can tell. Its setup.py and its back end write to `trap`."""
    stem = f"{name}-{version}"
    files = {
        "PKG-INFO": f"Metadata-Version: 1.0\nName: {name}\nVersion: {version}\n",
        "setup.py": f"open({str(trap)!r}, 'a').write('ran')\n",
        # In the tree and without needs, so that a build would run whatever the index holds (PEP 517).
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": _BACKEND.format(trap=str(trap), name=name, version=version),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for member, text in files.items():
            info = tarfile.TarInfo(f"{stem}/{member}")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return path
