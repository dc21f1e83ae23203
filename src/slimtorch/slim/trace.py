"""What an image was seen to use: the record that ``slimtorch trace`` makes and the pass ``traced`` works from.

Per package, because that is what a user knows. Paths are relative to the package's site-packages folder, so that the
record also fits where the same packages are installed elsewhere.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slimtorch.image.tree import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from slimtorch.inventory.files import Files

_BYTECODE = re.compile(r"(?:(.*)/)?__pycache__/([^/.]+)\.[^/]+\.pyc")
_EXTENSION = re.compile(r"([^.]+)(?:\.[^/]*)?\.so")
WHEEL = "wheel:"


@dataclass(frozen=True, slots=True)
class Run:
    """One thing that was run: `what` in words, and how its files were seen."""

    what: str
    method: str
    engine: str


@dataclass(frozen=True, slots=True)
class Used:
    """What was used of one package of `files` files and `size` bytes.

    `opened` were opened, `asked_for` only looked for by Python code (stat), each with its size in bytes. `modules` were
    imported; `wanted_by` is the first module outside the package that imported one, '' where nobody did.
    """

    name: str
    version: str
    files: int
    size: int
    opened: Mapping[str, int] = field(default_factory=dict)
    asked_for: Mapping[str, int] = field(default_factory=dict)
    modules: frozenset[str] = frozenset()
    wanted_by: str = ""

    @property
    def touched(self) -> Mapping[str, int]:
        """What was opened or looked for, the package's own papers (``.dist-info``) aside."""
        return {path: size for path, size in {**self.asked_for, **self.opened}.items() if not is_paper(path)}

    @property
    def touched_size(self) -> int:
        """Bytes of the files that were touched."""
        return sum(self.touched.values())


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything that was seen in `runs` of the image with each of the digests. `packages` are by ``NAME==VERSION``.

    `gpu` says whether the image had a GPU while it was watched.
    """

    images: tuple[str, ...]
    runs: tuple[Run, ...]
    packages: Mapping[str, Used]
    gpu: bool = False


def is_paper(path: str) -> bool:
    """Whether a path below site-packages belongs to a package's metadata (PEP 376)."""
    return path.partition("/")[0].endswith((".dist-info", ".egg-info"))


def source_of(path: str) -> str:
    """The module's source for its bytecode (PEP 3147), every other path itself."""
    found = _BYTECODE.fullmatch(path)
    if found is None:
        return path
    return f"{found[1]}/{found[2]}.py" if found[1] is not None else f"{found[2]}.py"


def module_of(path: str) -> str:
    """The module that a file below site-packages is, '' where it is none."""
    path = source_of(path)
    folder, name = posixpath.split(path)
    if name.endswith(".py"):
        stem = name[:-3]
    elif found := _EXTENSION.fullmatch(name):
        stem = found[1]
    else:
        return ""
    parts = [*folder.split("/"), stem] if folder else [stem]
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else ""


def owned(files: Files, sites: Iterable[str], owners: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    """Per owner (``wheel:NAME==VERSION``) its files: path and path relative to its site-packages folder.

    Bytecode that no package lists belongs to its source's package.
    """
    sites = sorted(sites, key=len, reverse=True)
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    homes = _homes(sites, owners)
    for path, node in files.items():
        owner = owners.get(path) or owners.get(source_of(path), "")
        if owner.startswith(WHEEL) and node.kind is Kind.FILE and owner in homes:
            found[owner].append((path, posixpath.relpath(path, homes[owner])))
    return dict(found)


def _homes(sites: Iterable[str], owners: Mapping[str, str]) -> dict[str, str]:
    """The site-packages folder of each package: the one with its RECORD."""
    homes: dict[str, str] = {}
    for path, owner in owners.items():
        if path.endswith(".dist-info/RECORD"):
            site = posixpath.dirname(posixpath.dirname(path))
            if site in sites:
                homes.setdefault(owner, site)
    return homes


def packages(
    files: Files,
    owned_files: Mapping[str, list[tuple[str, str]]],
    opened: frozenset[str],
    asked_for: frozenset[str],
    imports: Mapping[str, str],
) -> dict[str, Used]:
    """What was used of each package, by ``NAME==VERSION``."""
    modules = {
        module: owner for owner, paths in owned_files.items() for _, path in paths if (module := module_of(path))
    }
    imported: dict[str, set[str]] = defaultdict(set)
    wanted: dict[str, str] = {}
    for module, by in imports.items():
        if owner := modules.get(module):
            imported[owner].add(module)
            if modules.get(by) != owner:
                wanted.setdefault(owner, by)
    found = {}
    for owner, paths in owned_files.items():
        name, _, version = owner.removeprefix(WHEEL).partition("==")
        sizes = {path: files[path].size for path, _ in paths}
        found[f"{name}=={version}"] = Used(
            name,
            version,
            len(paths),
            sum(sizes.values()),
            {inside: sizes[path] for path, inside in paths if path in opened},
            {inside: sizes[path] for path, inside in paths if path in asked_for and path not in opened},
            frozenset(imported[owner]),
            wanted.get(owner, ""),
        )
    return found


def merged(traces: Iterable[Trace]) -> Trace:
    """What was seen in any of the traces; a GPU was there only if it was in all of them.

    A package that a trace does not know was not in its image; packages that differ in version stand side by side.
    """
    images: dict[str, None] = {}
    runs: list[Run] = []
    found: dict[str, Used] = {}
    gpu = True
    for trace in traces:
        images |= dict.fromkeys(trace.images)
        runs += trace.runs
        gpu &= trace.gpu
        for key, used in trace.packages.items():
            found[key] = _both(found[key], used) if key in found else used
    return Trace(tuple(images), tuple(runs), found, gpu)


def _both(one: Used, other: Used) -> Used:
    opened = {**one.opened, **other.opened}
    asked_for = {path: size for path, size in {**one.asked_for, **other.asked_for}.items() if path not in opened}
    return Used(
        one.name,
        one.version,
        max(one.files, other.files),
        max(one.size, other.size),
        opened,
        asked_for,
        one.modules | other.modules,
        one.wanted_by or other.wanted_by,
    )


def largest_first(trace: Trace) -> Iterator[Used]:
    """The packages, those with the most bytes first."""
    yield from sorted(trace.packages.values(), key=lambda used: (-used.size, used.name))
