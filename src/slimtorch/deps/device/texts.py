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
_SETTINGS = frozenset({
    ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".env", ".sh", ".json", ".properties", ".jsonnet", ".hocon",
    ".gin", ".xml", ".pbtxt",
})  # fmt: skip
_NAMED = (".env", "Dockerfile", "Containerfile", "Procfile")
_BESIDE = (*_NAMED, "docker-compose", "compose.y")
"""Files in the root that go into no image and still tell how the service is run."""
_LISTS = frozenset({"requirements.txt", "pyproject.toml", "setup.cfg"})
_NEVER = frozenset({"poetry.lock", "uv.lock", "pdm.lock", "pylock.toml", "package-lock.json", "slimtorch.toml"})
_CUDA = re.compile(
    r"""(?<![A-Za-z])cuda(?![A-Za-z])(?!\w*["']?\s*[:=]\s*["']?(?:false|off|no|none|null)\b)"""
    r"""|\+cu\d{2,3}\b|/whl/cu\d{2,3}\b|CUDAExecutionProvider|nvidia\.com/gpu|\bKIND_GPU\b|\bdriver:\s*["']?nvidia"""
    r"""|(?:device|accelerator|device_map|device_type)["']?\s*[:=]\s*["']?(?:gpu|auto|balanced|hip)\b"""
    r"""|(?<![a-z])gpus?(?:_ids?)?["']?\s*[:=]\s*["']?(?:true|yes|on|all|auto|[1-8](?!\d)|\[\s*\d)""",
    re.IGNORECASE,
)
_INDEX = re.compile(r"/whl/cu\d{2,3}\b")
_HOLDERS = "self|cls|args|opts?|options|params|hparams|conf|config|cfg|settings|state|app|ctx"
_CHOSEN = (
    rf"(?:(?:\w+\.)*(?:{_HOLDERS})\.)?(?:_|\w+_)?(?:device|DEVICE|dev|rank|gpu)\b(?!\s*[.(=])"
    r"|(?:\w+\.)*(?:get|pick|choose|select|find|resolve|default)\w*device\w*\("
    r"""|[\w.]+(?:\[|\.get\()["']\w*device["']"""
)
_MOVED = re.compile(
    rf"""\.to\(\s*(?:device\s*=\s*)?(?:{_CHOSEN})|\bdevice=(?:{_CHOSEN})"""
    rf"""|\btorch\.(?:jit\.)?load\([^,\n]{{1,100}},\s*(?:{_CHOSEN})"""
    r"""|\b(?:map_location|device_map)=(?!None\b|lambda\b|torch\.device\(["']cpu)[A-Za-z_]"""
)
_ASKED = re.compile(
    r"""["'](?:cuda\b|gpu_hist["']|/(?:device:)?GPU:|(?:[A-Z0-9]+_)*(?:DEVICE|ACCELERATOR|USE_GPU|USE_CUDA)["'])"""
    r"""|\.enable_(?:(?:model|sequential)_cpu_offload|xformers\w*)\(|\.pin_memory\(\)|\bn_gpu_layers=[A-Za-z_]"""
)
"""What Python may say although the same service names the CPU elsewhere; the environment is set after the build."""
_EITHER = re.compile(f"{_ASKED.pattern}|{_MOVED.pattern}")
_SETTING = re.compile(r"^(?:\w+_)?(?:device|accelerator)\s*:\s*\w")
"""A field of pydantic's settings, which the environment sets."""
_OFF = re.compile(r"""(?:=|:\s|["']:)\s*["']?(?:false|off|no|none|null|cpu|-1)?["']?\s*,?\s*$""", re.IGNORECASE)
_ZERO = re.compile(r"""(?<!device)(?<!devices)(?<!_id)["']?(?:\s*=|\s*:\s)\s*["']?0["']?\s*,?\s*$""", re.IGNORECASE)
"""Off as well, where it is no number of a GPU."""
_REMARK = re.compile(r"\s#\s.*$")
_COMMENT = ("#", "//", ";")
_HIDDEN = frozenset({"", "-1", "none", "void"})


def of_files(root: Path, paths: Iterable[str], code: Code) -> Iterator[Reason]:
    """What the files at these paths, relative to `root`, say of CUDA that is not in `code`; one mention a file.

    The root's container and environment files are looked at whether they are among the paths or not. Files of tests
    have no say. Of Python only what `code` skipped is read as a whole.
    """
    skipped = {one.location.path for one in code.skipped}
    beside = (path.name for path in root.iterdir() if path.name.startswith(_BESIDE) and path.is_file())
    for path in sorted({*paths, *beside})[:MOST]:
        if pattern := _pattern(PurePosixPath(path), skipped, moved=not names_cpu(code)):
            yield from _mentions(root / path, path, pattern)


def of_service(command: Sequence[str], environment: Mapping[str, str], path: str) -> Iterator[Reason]:
    """What the command line and the environment of the service, which stand in the file `path`, say of CUDA."""
    for name, value in environment.items():
        visible = name in {"CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"} and value.lower() not in _HIDDEN
        if visible or _CUDA.search(value):
            yield f"sets {name}={value}", Location(path)
    if found := next((word for word in command if _CUDA.search(word) and not _is_off(word)), ""):
        yield f"starts the service with {found}", Location(path)


def _pattern(path: PurePosixPath, skipped: set[str], *, moved: bool) -> re.Pattern[str] | None:
    """What to look for in this file; None where nothing is."""
    if any(part in {"tests", "test"} for part in path.parts) or path.name in _NEVER:
        return None
    if path.suffix == ".py":
        if path.name.startswith(("test_", "conftest")):
            return None
        return _CUDA if str(path) in skipped else _EITHER if moved else _ASKED
    if path.name in _LISTS or (path.suffix in {".txt", ".in"} and path.name.startswith("req")):
        return _INDEX
    return _CUDA if path.name.startswith(_NAMED) or path.suffix in _SETTINGS else None


def _mentions(file: Path, path: str, pattern: re.Pattern[str]) -> Iterator[Reason]:
    try:
        if file.is_symlink() or file.stat().st_size > LARGEST:
            return
        text = file.read_text("utf-8", "replace")
    except OSError:
        return
    settings = path.endswith(".py") and "BaseSettings" in text
    if not settings and not pattern.search(text):
        return
    for number, line in enumerate(text.splitlines(), 1):
        plain = _REMARK.sub("", line.strip())
        if plain.startswith(_COMMENT) or (_is_off(plain) and not settings):
            continue
        if found := pattern.search(plain) or (_SETTING.search(plain) if settings else None):
            moved = _MOVED.match(found[0]) is not None and pattern is not _CUDA
            what = "moves to a device that is chosen elsewhere" if moved else f"says {_shown(plain)}"
            yield what, Location(path, number)
            return


def _is_off(line: str) -> bool:
    return bool(_OFF.search(line) or _ZERO.search(line))


def _shown(line: str) -> str:
    text = "".join(character for character in line if character.isprintable())
    return f"`{text[:60]}{' …' if len(text) > 60 else ''}`"
