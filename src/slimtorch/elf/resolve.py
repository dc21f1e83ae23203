"""Which needed libraries the loader would not find (ld.so(8), gABI "Shared Object Dependencies").

Each object may be loaded by a program or Python extension that needs it, or by itself (``dlopen``). Libraries that are
loaded already count by their soname, run paths are inherited as the loader inherits them, and objects for another
machine are passed over.
"""

from __future__ import annotations

import posixpath
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from slimtorch.elf.file import ElfFile

FROM_HOST = frozenset(
    {
        "libcuda.so.1",
        "libnvidia-ml.so.1",
        "libnvidia-ptxjitcompiler.so.1",
        "libnvidia-nvvm.so.4",
        "libnvidia-opencl.so.1",
        "libcudadebugger.so.1",
        "libnvcuvid.so.1",
        "libnvidia-encode.so.1",
    }
)
"""Parts of the NVIDIA driver: the host brings them, and they must not be shipped."""
TRIPLETS = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu", "i686": "i386-linux-gnu"}


class Lack(Enum):
    """How much a library is missing."""

    NOWHERE = "nowhere in the image"
    ELSEWHERE = "in the image, but not where the loader looks"


@dataclass(frozen=True, slots=True, order=True)
class Missing:
    """`path` needs `soname`, which the loader does not find. `places` are files that would do if loaded before."""

    path: str
    soname: str
    places: tuple[str, ...] = ()

    @property
    def lack(self) -> Lack:
        """Whether another file of the image has the name."""
        return Lack.ELSEWHERE if self.places else Lack.NOWHERE


@dataclass(frozen=True, slots=True)
class _Loaded:
    """An object in the order of loading; `by` is what needed it (the loader's chain for inherited RPATH)."""

    path: str
    facts: ElfFile
    by: _Loaded | None = None


class Loader:
    """The dynamic loader of one image.

    `binaries` are all ELF files by canonical path (relative to the root), `canonical` gives the file that a path leads
    to, links followed inside the image, or None; `folders` come from ``ld.so.conf`` and ``LD_LIBRARY_PATH``.
    """

    def __init__(
        self, binaries: Mapping[str, ElfFile], canonical: Callable[[str], str | None], folders: Sequence[str] = ()
    ) -> None:
        self._binaries = binaries
        self._canonical = canonical
        self._folders = tuple(folders)
        self._found: dict[tuple[str, str], str | None] = {}
        self._names: dict[str, list[str]] = {}
        for path, facts in binaries.items():
            for name in {posixpath.basename(path), facts.soname} - {""}:
                self._names.setdefault(name, []).append(path)

    def missing(self, first: str) -> list[Missing]:
        """What is not found when the object at `first` is loaded into a process that has nothing loaded yet."""
        facts, found = self._binaries[first], []
        for item, soname, path in self._load(first):
            if path is None:
                found.append(Missing(item.path, soname, self._places(soname, facts)))
        return found

    def found(self, first: str) -> dict[str, str]:
        """Where what is loaded with the object at `first` is found, by the name that it is needed by."""
        return {soname: path for _, soname, path in self._load(first) if path is not None}

    def closure(self, first: str) -> tuple[str, ...]:
        """The objects that are loaded with the one at `first`, itself included, in the order in which they are."""
        return (first, *(path for _, _, path in self._load(first) if path is not None))

    def _load(self, first: str) -> Iterator[tuple[_Loaded, str, str | None]]:
        """Each library that is needed for the first time: by what, its name, and where it is found."""
        facts = self._binaries[first]
        loaded = {facts.soname, posixpath.basename(first)}
        todo = deque([_Loaded(first, facts)])
        while todo:
            item = todo.popleft()
            for soname in item.facts.needed:
                if soname in loaded or posixpath.basename(soname) in FROM_HOST:
                    continue
                loaded.add(soname)
                path = self._search(item, soname)
                yield item, soname, path
                if path is not None:
                    dependency = self._binaries[path]
                    loaded.add(dependency.soname)
                    todo.append(_Loaded(path, dependency, item))

    def _places(self, soname: str, facts: ElfFile) -> tuple[str, ...]:
        paths = self._names.get(posixpath.basename(soname), [])
        return tuple(sorted(path for path in paths if self._binaries[path].machine == facts.machine))

    def _search(self, item: _Loaded, soname: str) -> str | None:
        if "/" in soname:
            return self._fit(_expand(soname, item), item.facts.machine)
        for folder in self._order(item):
            if path := self._fit(f"{folder}/{soname}", item.facts.machine):
                return path
        return None

    def _order(self, item: _Loaded) -> Iterator[str]:
        """The folders in the loader's order: RPATHs up the chain, configured, RUNPATH, default."""
        above: _Loaded | None = None if item.facts.runpath else item
        while above is not None:
            if not above.facts.runpath:
                yield from (_expand(entry, above) for entry in above.facts.rpath)
            above = above.by
        yield from self._folders
        yield from (_expand(entry, item) for entry in item.facts.runpath)
        triplet = TRIPLETS.get(item.facts.machine)
        yield from [f"/lib/{triplet}", f"/usr/lib/{triplet}"] if triplet else []
        yield from ("/lib64", "/usr/lib64", "/lib", "/usr/lib")

    def _fit(self, path: str, machine: str) -> str | None:
        key = (path, machine)
        if key not in self._found:
            real = self._canonical(posixpath.normpath(path).lstrip("/"))
            fits = real is not None and real in self._binaries and self._binaries[real].machine == machine
            self._found[key] = real if fits else None
        return self._found[key]


def _expand(entry: str, item: _Loaded) -> str:
    """The entry with the tokens of ld.so(8) replaced."""
    origin = "/" + posixpath.dirname(item.path)
    triplet = TRIPLETS.get(item.facts.machine, "")
    for name, value in (
        ("ORIGIN", origin),
        ("LIB", f"lib/{triplet}" if triplet else "lib"),
        ("PLATFORM", item.facts.machine),
    ):
        entry = entry.replace(f"${{{name}}}", value).replace(f"${name}", value)
    return entry
