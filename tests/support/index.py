"""A simple index (PEP 503) in a folder, to be used as ``file://`` or served by `tests.support.http`."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def make_index(root: Path, wheels: Iterable[Path]) -> Path:
    """The ``simple`` folder of an index that holds these wheels; the files lie beside it."""
    simple, files = root / "simple", root / "files"
    files.mkdir(parents=True, exist_ok=True)
    pages: dict[str, list[str]] = {}
    for wheel in wheels:
        shutil.copyfile(wheel, files / wheel.name)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        project = wheel.name.split("-")[0].replace("_", "-").lower()
        line = f'<a href="../../files/{quote(wheel.name)}#sha256={digest}">{wheel.name}</a>'
        pages.setdefault(project, []).append(line)
    for project, lines in pages.items():
        (simple / project).mkdir(parents=True, exist_ok=True)
        text = "<!DOCTYPE html><html><body>\n" + "<br>\n".join(lines) + "\n</body></html>\n"
        (simple / project / "index.html").write_text(text)
    return simple
