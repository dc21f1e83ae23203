"""NVIDIA's own reader of device code (the package ``nvidia-cuda-cuobjdump``), as an oracle."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_LISTED = re.compile(r"\.(\d+)\.sm_(\d+a?)\.(?:cubin|ptx)$", re.MULTILINE)
_NOTHING = "No (?:ELF|PTX) file found"


class Cuobjdump:
    """The program at a path. It prints no suffix for family-specific code."""

    def __init__(self, program: Path) -> None:
        self.program = program

    def counts(self, library: Path) -> dict[str, int]:
        """How many entries of each architecture all its sections of device code hold: ``sm_90``, ``compute_90``."""
        found: Counter[str] = Counter()
        for option, prefix in (("--list-elf", "sm"), ("--list-ptx", "compute")):
            found.update(f"{prefix}_{match[2]}" for match in _LISTED.finditer(self._run(library, option)))
        return dict(sorted(found.items()))

    def cubins(self, library: Path, name: str, folder: Path) -> list[str]:
        """The sha256 of each unpacked cubin of one architecture (``sm_90``), in the library's order."""
        folder.mkdir()
        self._run(library, "--extract-elf", f".{name}.", cwd=folder)
        numbered = {int(match[1]): path for path in folder.iterdir() if (match := _LISTED.search(path.name))}
        digests = []
        for _, path in sorted(numbered.items()):
            with path.open("rb") as stream:
                digests.append(hashlib.file_digest(stream, "sha256").hexdigest())
            path.unlink()
        return digests

    def _run(self, library: Path, *options: str, cwd: Path | None = None) -> str:
        argv = [str(self.program), "--all-fatbin", *options, str(library.absolute())]
        result = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=600, cwd=cwd)
        if result.returncode and not re.search(_NOTHING, result.stderr):
            raise AssertionError(f"cuobjdump {' '.join(options)} {library.name}: {result.stderr}")
        return result.stdout
