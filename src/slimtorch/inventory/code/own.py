"""Which imports name the project's own modules: those whose path is there.

Python prefers what it finds first on ``sys.path``, and nobody can tell from files alone what stands on it. So there
are three answers. A module below a root of its project is the project's. One that is only found beside the importing
file, or in another project of the tree, may be; then the import is kept as an optional one: it explains a distribution
of that name, and nobody is blamed when there is none. A folder without ``__init__.py`` (PEP 420) is own only as far as
the whole name is there, because any number of distributions may share it.
"""

from __future__ import annotations

import posixpath
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from slimtorch.inventory.code.layout import Root
    from slimtorch.inventory.code.tree import Tree

MAX_INIT = 1_000_000
"""Bytes of an ``__init__.py`` that are looked through for a name."""
_SHARED = (b"extend_path(", b"declare_namespace(")


class Claim(IntEnum):
    """How sure it is that a name is the project's own."""

    NONE = 0
    MAYBE = 1
    OWN = 2


class Own:
    """The modules of a tree, and the roots that they are looked up in."""

    def __init__(self, tree: Tree, roots: Iterable[Root]) -> None:
        self._root: Path = tree.root
        self._modules = tree.modules
        self._folders = tree.folders
        self._roots = list(dict.fromkeys(roots))
        self._extra: dict[str, None] = {}
        self._inits: dict[str, bytes] = {}
        self._shared: dict[str, bool] = {}
        self._places: dict[str, list[tuple[str, bool]]] = {}
        self._names = {path.rpartition("/")[2].removesuffix(".py") for path in (*tree.modules, *tree.folders)}
        self._known: dict[tuple[str, str, str], tuple[Claim, str]] = {}

    def add(self, file: str, texts: Iterable[str]) -> None:
        """Take the texts that a file adds to ``sys.path``, as far as they name a folder of the tree."""
        parts = [text.strip("/") for text in texts if text.strip("/")]
        bases = ["", *_above(file)]
        for text in dict.fromkeys([*parts, "/".join(parts)] if parts else []):
            for base in bases:
                folder = posixpath.normpath(posixpath.join(base, text))
                if folder in self._folders:
                    self._extra[folder] = None

    def tops(self) -> frozenset[str]:
        """The top-level modules and packages that belong to the project alone."""
        return frozenset(top for root in self._roots for top in self._children(root.path))

    def _children(self, folder: str) -> Iterator[str]:
        depth = folder.count("/") + 1 if folder else 0
        prefix = f"{folder}/" if folder else ""
        for module in self._modules:
            if module.startswith(prefix):
                parts = module.split("/")[depth:]
                if len(parts) == 1 and parts[0] != "__init__.py":
                    yield parts[0].removesuffix(".py")
                elif len(parts) == 2 and parts[1] == "__init__.py" and not self._is_shared(f"{prefix}{parts[0]}"):
                    yield parts[0]

    def claim(self, module: str, file: str, name: str = "") -> tuple[Claim, str]:
        """Whether `module`, or `name` taken from it, is own where `file` imports it; and the file it is found in."""
        if module.partition(".")[0] not in self._names:
            return Claim.NONE, ""
        folder = file.rpartition("/")[0]
        key = (module, name, folder)
        # A module that imports its own name means another one, so the answer then holds for that file alone.
        if file.endswith(f"{module.partition('.')[0]}.py"):
            return self._claim(module.split("."), name, file)
        if key not in self._known:
            self._known[key] = self._claim(module.split("."), name, file)
        return self._known[key]

    def relative(self, file: str, level: int, module: str, names: Iterable[str]) -> Iterator[str]:
        """The files that a relative import reaches."""
        package = file.rpartition("/")[0]
        for _ in range(level - 1):
            package = package.rpartition("/")[0]
        base = posixpath.join(package, module.replace(".", "/")) if module else package
        yield from self._files(base)
        for name in names:
            yield from self._files(posixpath.join(base, name))

    def _files(self, base: str) -> Iterator[str]:
        for path in (f"{base}.py", f"{base}/__init__.py" if base else "__init__.py"):
            if path in self._modules:
                yield path

    def _claim(self, parts: list[str], name: str, file: str) -> tuple[Claim, str]:
        best: tuple[Claim, str] = (Claim.NONE, "")
        for root, certain in self._searched(file):
            claim, found = self._match(root, parts, name, file)
            if claim is Claim.OWN and not certain and not self._is_deep(root, parts, name):
                claim = Claim.MAYBE
            if claim > best[0]:
                best = (claim, found)
            if best[0] is Claim.OWN:
                break
        return best

    def _searched(self, file: str) -> list[tuple[str, bool]]:
        """The folders in which `file` may find modules, and whether it surely does: nearest projects first."""
        folder = file.rpartition("/")[0]
        if folder not in self._places:
            self._places[folder] = list(self._search(file))
        return self._places[folder]

    def _search(self, file: str) -> Iterator[tuple[str, bool]]:
        near = [root for root in self._roots if not root.below or file.startswith(f"{root.below}/")]
        near.sort(key=lambda root: -len(root.below))
        seen: set[str] = set()
        for path, certain in [
            *((root.path, True) for root in near),
            *((path, False) for path in _above(file)),
            *((path, False) for path in self._extra),
            *((root.path, False) for root in self._roots),
        ]:
            if path not in seen:
                seen.add(path)
                yield path, certain

    def _match(self, root: str, parts: list[str], name: str, file: str) -> tuple[Claim, str]:
        """What is below one root for a dotted name."""
        path = root
        claim, found = Claim.NONE, ""
        for depth, part in enumerate(parts):
            path = f"{path}/{part}" if path else part
            if f"{path}.py" in self._modules:
                itself = not depth and f"{path}.py" == file
                return (Claim.NONE, "") if itself else (Claim.OWN, f"{path}.py")
            init = f"{path}/__init__.py"
            if init in self._modules and not self._is_shared(path):
                claim, found = Claim.OWN, init
            elif path in self._folders:
                found = init if init in self._modules else found
            else:
                # Below a package of the project: made by a build, or it is somebody else's package after all.
                return min(claim, Claim.MAYBE), found
        return self._member(path, name, claim, found)

    def _member(self, path: str, name: str, claim: Claim, found: str) -> tuple[Claim, str]:
        """`name` in the package at `path`, which is the project's where `claim` says so, else a shared folder."""
        if not name:
            return max(claim, Claim.MAYBE), found
        inner = next(self._files(f"{path}/{name}"), "")
        if inner:
            return Claim.OWN, inner
        if f"{path}/{name}" in self._folders:
            return max(claim, Claim.MAYBE), found
        if claim is Claim.OWN:
            return (Claim.OWN if self._defines(path, name) else Claim.MAYBE), found
        return Claim.NONE, ""

    def _is_deep(self, root: str, parts: list[str], name: str) -> bool:
        """Whether more than the first name is there, so that it hardly is a coincidence."""
        deep = [*parts, name][:2] if name else parts[:2]
        path = posixpath.join(root, *deep)
        return len(deep) > 1 and (f"{path}.py" in self._modules or path in self._folders)

    def _is_shared(self, package: str) -> bool:
        """Whether a package says that it is a namespace (pkgutil's and setuptools' styles)."""
        if package not in self._shared:
            text = self._init(package)
            self._shared[package] = any(word in text for word in _SHARED)
        return self._shared[package]

    def _defines(self, package: str, name: str) -> bool:
        """Whether the text of the package holds the name, or takes names from elsewhere."""
        text = self._init(package)
        return name == "*" or name.encode() in text or b"import *" in text or b"__getattr__" in text

    def _init(self, package: str) -> bytes:
        if package not in self._inits:
            try:
                with (self._root / package / "__init__.py").open("rb") as file:
                    self._inits[package] = file.read(MAX_INIT)
            except OSError:
                self._inits[package] = b""
        return self._inits[package]


def _above(file: str) -> Iterator[str]:
    """The folder of a file and all folders above it, the root left out."""
    folder = file.rpartition("/")[0]
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]
