"""``[app]``: which of the project's files enter the image."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from slimtorch.project.config.kinds import image_path, project_path, project_paths, texts
from slimtorch.project.config.reader import BadValueError, Key, Section
from slimtorch.project.model import App

if TYPE_CHECKING:
    from collections.abc import Iterable

    from slimtorch.project.config.reader import Table


def _folders(value: object) -> tuple[str, ...]:
    return tuple(str(image_path(item)) if item.startswith("/") else project_path(item) for item in texts(value))


INCLUDE: Key[tuple[str, ...]] = Key(
    "include",
    project_paths,
    (".",),
    "Files and folders that are copied to the working directory.",
    '["."]',
    '["serve.py", "src"]',
)
EXCLUDE: Key[tuple[str, ...]] = Key(
    "exclude",
    texts,
    (),
    "Patterns of paths that are left out, besides tests, caches, notebooks, `.git` and secrets.",
    "[]",
    '["data/raw", "*.csv"]',
)
WEIGHTS: Key[tuple[str, ...]] = Key(
    "weights",
    project_paths,
    (),
    "Model weights: files and folders that get a layer of their own, so that a code change does not touch them.",
    "[]",
    '["model.safetensors"]',
)
PYTHON_PATH: Key[tuple[str, ...]] = Key(
    "python-path",
    _folders,
    (),
    "Folders that imports are looked up in: relative to the working directory, or absolute in the image.",
    "the working directory, and its `src` when that is included",
    '["src"]',
)
SECTION = Section("app", "The service's own files.", (INCLUDE, EXCLUDE, WEIGHTS, PYTHON_PATH))


def read(table: Table, root: Path, workdir: PurePosixPath) -> App:
    """The section, with every path known to exist inside `root`."""
    include = table.each(INCLUDE, lambda path: inside(root, path))
    weights = table.each(WEIGHTS, lambda path: inside(root, path))
    folders = table.read(PYTHON_PATH) if PYTHON_PATH in table else _default_folders(root, include)
    return App(
        include=include,
        exclude=table.read(EXCLUDE),
        weights=weights,
        python_path=tuple(dict.fromkeys(workdir / folder for folder in folders)),
    )


def inside(root: Path, path: str) -> None:
    """Nothing, where `path` exists in `root` and does not lead out of it through a link.

    Raises:
        BadValueError: it does not.
    """
    found = root / path
    try:
        found.stat()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "does not exist in the project folder" if missing else f"cannot be used: {error.strerror}"
        raise BadValueError(f"{path[:200]!r} {reason}") from None
    if not found.resolve().is_relative_to(root.resolve()):
        raise BadValueError(f"{path!r} is a link that leads outside the project folder")


def inside_file(root: Path, path: str) -> None:
    """Nothing, where `path` is a file that exists in `root`, as `inside` says.

    Raises:
        BadValueError: it is not.
    """
    inside(root, path)
    if not (root / path).is_file():
        raise BadValueError(f"{path!r} is not a file")


def _default_folders(root: Path, include: Iterable[str]) -> tuple[str, ...]:
    included = any(path == "." or PurePosixPath(path).parts[:1] == ("src",) for path in include)
    return (".", "src") if included and (root / "src").is_dir() else (".",)
