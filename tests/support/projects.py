"""Project folders for tests, made from texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.project.config import load

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.project.model import Project

THREE_LINES = '[service]\ncommand = ["python", "serve.py"]\nport = 8000\n'


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def service(root: Path, top: str = "", below: str = "", **files: str) -> Project:
    """The project whose slimtorch.toml is `top`, then the three lines, then `below`; a.txt is files['a__txt']."""
    given = {"requirements.txt": "torch\n", "serve.py": "", "slimtorch.toml": top + THREE_LINES + below}
    write(root, given | {name.replace("__", "."): text for name, text in files.items()})
    return load(root, platform="linux/amd64")
