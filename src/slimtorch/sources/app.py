"""The service's own files and its model weights, as two trees.

Files belong to root, so that the service cannot rewrite its own code, and have mode 644 or 755 whatever the umask was.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from slimtorch.errors import ConfigError, MachineError
from slimtorch.image.digest import of_stream
from slimtorch.image.tree import Content, Entry, FileTree, Kind, symlink, with_parents
from slimtorch.sources.made import is_made
from slimtorch.sources.patterns import DEFAULT_EXCLUDES, SECRETS, exact, matcher, rooted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from slimtorch.project.model import Project

APP, WEIGHTS = "app", "weights"
DEPTH = 60
"""Folders within folders that are followed at most."""


def tree(project: Project) -> tuple[FileTree, FileTree]:
    """The service's files, and the weights, at their places in the image.

    Raises:
        ConfigError: a file is special, a link leads out of the project, or a pattern matches nothing.
        MachineError: a file cannot be read.
    """
    problems: list[str] = []
    rules = _Rules(project)
    workdir = project.service.workdir.as_posix().strip("/")
    wanted = [(item, owner) for item in _walk(project.root, rules) if (owner := rules.owner(item.path))]
    names = {item.path for item, _ in wanted} | {parent for item, _ in wanted for parent in _parents(item.path)}
    entries: dict[str, list[Entry]] = {APP: [], WEIGHTS: []}
    for item, owner in wanted:
        place = f"{workdir}/{item.path}" if workdir else item.path
        try:
            entries[owner].append(_entry(item, place, owner, project.root, names))
        except _Refused as refused:
            problems.append(f"{item.path} {refused}")
    problems += _unmatched(project, entries, workdir)
    if problems:
        raise ConfigError(str(project.config_path), problems, hint="correct [app] include, exclude or weights")
    return with_parents(FileTree(entries[APP]), APP), with_parents(FileTree(entries[WEIGHTS]), WEIGHTS)


def paths(project: Project) -> tuple[str, ...]:
    """The files and links, relative to the project, that `tree` takes as the service's own; weights are not among them.

    Raises:
        MachineError: a folder cannot be read.
    """
    rules = _Rules(project)
    return tuple(sorted(item.path for item in _walk(project.root, rules) if rules.owner(item.path) == APP))


def left_out(project: Project) -> tuple[str, ...]:
    """The files and folders, relative to the project, that `tree` leaves out only because they look like secrets.

    What the project excludes itself is not among them; of a folder, only the folder is told.

    Raises:
        MachineError: a folder cannot be read.
    """
    rules = _Rules(project)
    return tuple(sorted(item.path for item in _walk(project.root, rules) if rules.secret(item.path)))


class _Refused(Exception):  # noqa: N818  (never leaves this module)
    """Why a file cannot be part of an image."""


@dataclass(frozen=True, slots=True)
class _Item:
    path: str
    file: Path
    status: os.stat_result


class _Rules:
    """Which owner each path has.

    The project's own excludes always win. A default exclude, and the rule that images and the vendored packages stay
    out, do not keep out what `include` or `weights` name themselves, nor what is in a folder that they name.
    """

    def __init__(self, project: Project) -> None:
        app, vendor = project.app, project.sources.vendor
        self._roots = [path.removeprefix("./").strip("/") for path in (*app.include, *app.weights)]
        self._named = exact(f"/{root}" for root in self._roots if root not in {"", "."})
        self._own, self._usual, self._secret = matcher(app.exclude), exact(DEFAULT_EXCLUDES), exact(SECRETS)
        self._vendor = os.path.relpath(vendor, project.root) if vendor else ""
        self._is_made = cache(lambda path: is_made(project.root / path))
        self._included, self._weights = rooted(app.include), rooted(app.weights)

    def owner(self, path: str) -> str:
        """``app`` or ``weights``, or '' for what stays out."""
        return "" if self._own(path) or self._reason(path) else self._asked_for(path)

    def secret(self, path: str) -> bool:
        """Whether the path would be in the image if it did not look like a secret."""
        return not self._own(path) and self._secret(self._reason(path)) and bool(self._asked_for(path))

    def closed(self, folder: str) -> bool:
        """Whether nothing below this folder can be wanted."""
        if self._own(folder):
            return True
        if any(root.startswith(f"{folder}/") or set(root) & set("*?[") for root in self._roots):
            return False
        return not self.owner(folder)

    def _asked_for(self, path: str) -> str:
        if self._weights(path):
            return WEIGHTS
        return APP if self._included(path) else ""

    def _reason(self, path: str) -> str:
        """The path itself, or the outermost folder above it, that is left out by default; '' where there is none."""
        reason = ""
        for part in (path, *_parents(path)):
            if self._named(part):
                break
            if self._usual(part) or part == self._vendor or self._is_made(part):
                reason = part
        return reason


def _parents(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _walk(root: Path, rules: _Rules) -> Iterator[_Item]:
    """Every file, link and unopened folder below the root, by name; folders that cannot matter are not opened."""
    pending = [""]
    while pending:
        folder = pending.pop()
        for child in sorted(_children(root, folder), key=lambda child: child.name, reverse=True):
            path = f"{folder}/{child.name}" if folder else child.name
            if not child.is_dir(follow_symlinks=False) or rules.closed(path):
                yield _Item(path, root / path, child.stat(follow_symlinks=False))
            else:
                if path.count("/") >= DEPTH:
                    raise ConfigError(str(root / path), [f"more than {DEPTH} folders within each other"])
                pending.append(path)


def _children(root: Path, folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / folder) as found:
            return list(found)
    except OSError as error:
        raise MachineError(f"{root / folder} cannot be read: {error.strerror}", hint="check its permissions") from None


def _entry(item: _Item, place: str, owner: str, root: Path, names: set[str]) -> Entry:
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in item.path):
        raise _Refused("has a name that is not plain text")
    if stat.S_ISLNK(item.status.st_mode):
        return symlink(place, _target(item, root, names), owner)
    if not stat.S_ISREG(item.status.st_mode):
        raise _Refused("is a device, socket or pipe")
    mode = 0o755 if item.status.st_mode & 0o100 else 0o644
    try:
        with item.file.open("rb") as stream:
            digest, size = of_stream(stream)
    except OSError as error:
        raise MachineError(f"{item.file} cannot be read: {error.strerror}", hint="check its permissions") from None
    content = Content(size, digest, partial(item.file.open, "rb"))
    return Entry(place, Kind.FILE, mode, owner, content=content)


def _target(item: _Item, root: Path, names: set[str]) -> str:
    """The link's target, relative to the link, so that it means the same in the image."""
    base = root.resolve()
    try:
        real = item.file.resolve(strict=True)
    except (OSError, RuntimeError):
        raise _Refused("is a link to something that does not exist") from None
    if not real.is_relative_to(base):
        raise _Refused("is a link that leads out of the project")
    inside = real.relative_to(base).as_posix()
    if inside != "." and inside not in names:
        raise _Refused(f"is a link to {inside}, which is not part of the image")
    return os.path.relpath(real, item.file.parent.resolve())


def _unmatched(project: Project, entries: dict[str, list[Entry]], workdir: str) -> list[str]:
    """A problem for each path of `include` and `weights` that brings nothing."""
    start = len(workdir) + 1 if workdir else 0
    problems = []
    paths = {owner: [entry.path[start:] for entry in found] for owner, found in entries.items()}
    everything = [*paths[APP], *paths[WEIGHTS]]
    for key, patterns, found in (
        ("include", project.app.include, everything),
        ("weights", project.app.weights, paths[WEIGHTS]),
    ):
        for pattern in patterns:
            matches = rooted([pattern])
            if not any(matches(path) for path in found):
                problems.append(f"[app] {key}: {pattern!r} brings no file")
    return problems
