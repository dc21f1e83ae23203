"""The part of the intent that decides the lock, as digests that are equal on every machine.

A port, a label or a health route changes nothing that is locked, so it is not here. Platforms are compared with those
in the lock instead: a lock for more platforms than one machine builds for is not out of date.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.image import digest as digests
from slimtorch.project.config import requirement_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.image.digest import Digest
    from slimtorch.project.model import Project


def config_digest(project: Project) -> Digest:
    """The digest of everything that decides what is locked."""
    return digests.of_json(dict(inputs(project)))


def inputs(project: Project) -> Mapping[str, Digest]:
    """The digest of each part that decides what is locked, by the name that messages call it.

    Files go in by their content and by their name relative to the project; indexes by their names, since addresses
    differ between machines.
    """
    system = project.os
    parts: dict[str, object] = {
        "python": project.python,
        "os": [system.suite, sorted(system.packages), system.base, system.snapshot],
        # GPUs choose no wheel: they are checked against what was chosen.
        "torch": [project.torch.device, project.torch.cuda] if project.torch.cuda else project.torch.device,
        "indexes": [index.name for index in project.sources.indexes],
    }
    wanted = project.requirements
    if wanted.lock:
        parts[_name(wanted.lock, project.root)] = wanted.lock.read_text("utf-8", "replace")
        parts["groups"] = [list(wanted.groups), list(wanted.extras)]
    elif wanted.files:
        for file in requirement_files.read(wanted.files, project.root):
            parts[f"./{file.name}" if file.name in parts else file.name] = file.text
    else:
        parts[wanted.origin or "requirements"] = list(wanted.inline)
    return {name: digests.of_json(value) for name, value in sorted(parts.items())}


def _name(path: Path, root: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()
