"""Mentions of CUDA where no syntax tree shows them: settings, scripts, texts that are put together, unread sources."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from slimtorch.deps.device.code import names_cpu
from slimtorch.findings import Location

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from slimtorch.inventory.code.model import Code

    Reason = tuple[str, Location]

LARGEST = 1_000_000
"""Bytes of a file that is looked through; what is larger holds data."""
MOST = 5000
"""Files that are looked through."""
_SETTINGS = frozenset({".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".env", ".sh", ".json", ".properties"})
_LISTS = frozenset({"requirements.txt", "pyproject.toml", "setup.cfg"})
_NEVER = frozenset({"poetry.lock", "uv.lock", "pdm.lock", "pylock.toml", "package-lock.json", "slimtorch.toml"})
_CUDA = re.compile(
    r"""(?<![A-Za-z])cuda(?![A-Za-z])(?!\w*["']?\s*[:=]\s*["']?(?:false|off|no|none|null)\b)"""
    r"""|\+cu\d{2,3}\b|/whl/cu\d{2,3}\b|CUDAExecutionProvider""",
    re.IGNORECASE,
)
_INDEX = re.compile(r"/whl/cu\d{2,3}\b")
_BUILT_UP = re.compile(r"""["']cuda\b""")
_MOVED = re.compile(r"\.to\(\s*(?:self\.|cls\.|args\.|config\.|cfg\.|settings\.)?_?(?:device|DEVICE|dev)\b")
_OFF = re.compile(
    r"""(?:\b(?:false|off|no|none|null|cpu)|(?:=|:\s|["']:)\s*["']?(?:-1|0)?)["']?\s*,?\s*$""", re.IGNORECASE
)
_COMMENT = ("#", "//", ";")
_HIDDEN = frozenset({"", "-1", "none", "void"})


def of_files(root: Path, paths: Iterable[str], code: Code) -> Iterator[Reason]:
    """What the files at these paths, relative to `root`, say of CUDA that is not in `code`; one mention a file.

    Files of tests have no say. Of Python only what `code` skipped is read as a whole.
    """
    skipped = {one.location.path for one in code.skipped}
    for path in sorted(paths)[:MOST]:
        if pattern := _pattern(PurePosixPath(path), skipped, moved=not names_cpu(code)):
            yield from _mentions(root / path, path, pattern)


def of_service(command: Sequence[str], environment: Mapping[str, str], path: str) -> Iterator[Reason]:
    """What the command line and the environment of the service, which stand in the file `path`, say of CUDA."""
    for name, value in environment.items():
        visible = name in {"CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"} and value.lower() not in _HIDDEN
        if visible or _CUDA.search(value):
            yield f"sets {name}={value}", Location(path)
    if found := next((word for word in command if _CUDA.search(word) and not _OFF.search(word)), ""):
        yield f"starts the service with {found}", Location(path)


def _pattern(path: PurePosixPath, skipped: set[str], *, moved: bool) -> re.Pattern[str] | None:
    """What to look for in this file; None where nothing is."""
    if any(part in {"tests", "test"} for part in path.parts) or path.name in _NEVER:
        return None
    if path.suffix == ".py":
        if path.name.startswith(("test_", "conftest")):
            return None
        both = re.compile(f"{_BUILT_UP.pattern}|{_MOVED.pattern}") if moved else _BUILT_UP
        return _CUDA if str(path) in skipped else both
    if path.name in _LISTS or (path.suffix in {".txt", ".in"} and path.name.startswith("req")):
        return _INDEX
    named = path.name.startswith((".env", "Dockerfile", "Containerfile", "Procfile"))
    return _CUDA if named or path.suffix in _SETTINGS else None


def _mentions(file: Path, path: str, pattern: re.Pattern[str]) -> Iterator[Reason]:
    try:
        if file.is_symlink() or file.stat().st_size > LARGEST:
            return
        text = file.read_text("utf-8", "replace")
    except OSError:
        return
    if not pattern.search(text):
        return
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.strip()
        if not plain.startswith(_COMMENT) and (found := pattern.search(plain)) and not _OFF.search(plain):
            what = "moves to a device that is chosen elsewhere" if ".to(" in found[0] else f"says {_shown(plain)}"
            yield what, Location(path, number)
            return


def _shown(line: str) -> str:
    text = "".join(character for character in line if character.isprintable())
    return f"`{text[:60]}{' …' if len(text) > 60 else ''}`"
