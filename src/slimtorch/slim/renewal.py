"""What the configuration of a slimmed image gets, and the files that its GPU check needs."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files as resources
from typing import TYPE_CHECKING, Any

from slimtorch.image.renew import Renewal
from slimtorch.image.tree import FileTree, directory, small_file
from slimtorch.inventory import service
from slimtorch.probe import environment
from slimtorch.project import gpu_check
from slimtorch.project.runtime import HEALTH_PROBE
from slimtorch.slim import marks as marking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slimtorch.image.model import Image
    from slimtorch.image.tree import Entry
    from slimtorch.inventory.files import Files
    from slimtorch.slim.marks import Marks

OWNER = "slimtorch"
_ON = ("--gpu", "--exact", "--not", "--ptx")
"""Options of the health check that belong to an earlier check of GPUs."""


def renewal(image: Image, marks: Marks, files: Files) -> Renewal:
    """The labels, the variables, and the start command and health check that compare the GPU with what was kept.

    The check stands before the image's own command. A health check that is not slimtorch's stays as it is.
    """
    said = f"slimtorch slim --profile {marks.labels[marking.SLIM]}"
    said += "".join(f" --gpu {text}" for text in marks.labels.get(marking.GPUS, "").split(",") if text)
    new = Renewal(marks.labels, marks.env, said=said)
    python = environment.interpreter(files, service.of_settings(image.settings))
    if not marks.arguments or python is None:
        return new
    inner = image.settings.get("config") or {}
    own = _without_check(_words(inner.get("Entrypoint")))
    checked = _words((inner.get("Healthcheck") or {}).get("Test"))
    health = (*_without_options(checked), *marks.arguments) if str(HEALTH_PROBE) in checked else ()
    return replace(new, entrypoint=(*gpu_check.entrypoint(python.path, marks.arguments), *own), health=health)


def added(new: Renewal, tree: FileTree) -> FileTree:
    """The scripts of the GPU check, where `tree` does not hold them already, as a layer on top of it."""
    wanted = [_script(gpu_check.START.as_posix(), "gpu_check.py")] if new.entrypoint else []
    wanted += [_script(HEALTH_PROBE.as_posix(), "health.py")] if new.health else []
    found = [entry for entry in wanted if (known := tree.get(entry.path)) is None or known.content != entry.content]
    folders: dict[str, Entry] = {}
    for entry in found:
        parent = entry.path.rpartition("/")[0]
        while parent and parent not in tree:
            folders[parent] = directory(parent, OWNER)
            parent = parent.rpartition("/")[0]
    return FileTree([*folders.values(), *found])


def _script(path: str, name: str) -> Entry:
    return small_file(path.lstrip("/"), resources("slimtorch.probe.in_image").joinpath(name).read_bytes(), OWNER)


def _words(value: Any) -> tuple[str, ...]:  # noqa: ANN401  (an image's configuration may hold anything)
    return tuple(value) if isinstance(value, list) and all(isinstance(word, str) for word in value) else ()


def _without_check(entrypoint: Sequence[str]) -> tuple[str, ...]:
    """The image's own start command, without the check that an earlier run put before it."""
    words = tuple(entrypoint)
    if gpu_check.START.as_posix() in words and "--" in words:
        return words[words.index("--") + 1 :]
    return words


def _without_options(test: Sequence[str]) -> tuple[str, ...]:
    kept: list[str] = []
    words = iter(test)
    for word in words:
        if word in _ON:
            next(words, "")
        else:
            kept.append(word)
    return tuple(kept)
