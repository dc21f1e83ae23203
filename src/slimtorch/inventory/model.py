"""The nouns of an inventory. Sizes are bytes, unpacked, unless they say otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.image.digest import Digest

APP, OTHER = "app", "other"
"""Owners of files that no package list names: those below the working directory, and the rest."""


@dataclass(frozen=True, slots=True)
class Package:
    """A Python distribution (``wheel``) or a distribution package (``deb``) that is installed in the image."""

    kind: str
    name: str
    version: str
    files: int
    size: int

    @property
    def label(self) -> str:
        """The package as people write it."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class LayerFacts:
    """One layer: `pull` is its size as stored, `owners` the bytes by package or group, largest first."""

    name: str
    digest: Digest
    pull: int
    size: int
    files: int
    owners: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Inventory:
    """What an image holds. `paths` gives every file's owner and size; later layers win."""

    layers: tuple[LayerFacts, ...]
    packages: tuple[Package, ...]
    paths: Mapping[str, tuple[str, int]]

    @property
    def size(self) -> int:
        """Bytes of all files that are visible."""
        return sum(size for _, size in self.paths.values())
