"""Image → Inventory: every layer is read once, streaming; only the packages' own lists are kept in memory."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from slimtorch.image.flatten import hidden, is_whiteout, members
from slimtorch.image.tree import Kind
from slimtorch.inventory.model import APP, OTHER, Inventory, LayerFacts, Package
from slimtorch.inventory.packages import is_list, merged, owners
from slimtorch.inventory.service import of_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.image.layer import Layer
    from slimtorch.image.model import Image

_BYTECODE = re.compile(r"(.*/)?__pycache__/([^/.]+)\.[^/]*\.pyc")


def take(image: Image) -> Inventory:
    """The facts of `image`.

    Raises:
        ArchiveError: a layer is damaged or hostile.
    """
    lists: dict[str, bytes] = {}
    scanned = [_scan(layer, lists) for layer in image.layers]
    owned = owners(lists)
    workdir = of_settings(image.settings).workdir.strip("/") or "nowhere"
    visible: dict[str, tuple[str, int]] = {}
    facts = []
    for layer, sizes in zip(image.layers, scanned, strict=True):
        bytes_by_owner: Counter[str] = Counter()
        for path, size in sizes.items():
            if _hides(path, visible):
                continue
            owner = _owner(path, owned, workdir)
            bytes_by_owner[owner] += size
            visible[path] = (owner, size)
        by_size = dict(bytes_by_owner.most_common())
        total = sum(sizes.values())
        facts.append(LayerFacts(layer.name, layer.blob.digest, layer.blob.size, total, len(sizes), by_size))
    return Inventory(tuple(facts), _packages(visible), visible)


def _scan(layer: Layer, lists: dict[str, bytes]) -> dict[str, int]:
    """Sizes of the layer's files and links by path; fills `lists` with the packages' own lists."""
    sizes: dict[str, int] = {}
    for member in members(layer):
        if member.kind is Kind.DIRECTORY:
            continue
        sizes[member.path] = member.size
        if member.kind is Kind.FILE and is_list(member.path, member.size):
            lists[member.path] = member.data.read()
    return sizes


def _hides(path: str, visible: dict[str, tuple[str, int]]) -> bool:
    """Whether the entry is a whiteout (OCI image-spec, layer.md); if so, what it hides is gone from `visible`."""
    if not is_whiteout(path):
        return False
    target, _ = hidden(path)
    for known in [known for known in visible if known == target or known.startswith(f"{target}/")]:
        del visible[known]
    return True


def _owner(path: str, owned: Mapping[str, str], workdir: str) -> str:
    source = _BYTECODE.sub(r"\1\2.py", path)
    for candidate in (path, merged(path), source, merged(source)):
        if owner := owned.get(candidate):
            return owner
    return APP if path.startswith(f"{workdir}/") else OTHER


def _packages(visible: Mapping[str, tuple[str, int]]) -> tuple[Package, ...]:
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for owner, size in visible.values():
        files[owner] += 1
        sizes[owner] += size
    found = []
    for owner, size in sizes.most_common():
        kind, _, rest = owner.partition(":")
        name, _, version = rest.replace("==", "=").partition("=")
        if rest:
            found.append(Package(kind, name, version, files[owner], size))
    return tuple(found)
