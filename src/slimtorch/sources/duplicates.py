"""Says when several sources hold a name: the door through which a stranger's package of the same name comes in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from slimtorch.errors import FetchError
from slimtorch.host.connections import without_credentials
from slimtorch.sources.indexes import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from slimtorch.project.lock import LockedWheel
    from slimtorch.sources.indexes import Indexes, Source
    from slimtorch.sources.request import Tools

THREADS = 8


def notes(wheels: Sequence[LockedWheel], pages: Mapping[str, str], indexes: Indexes, tools: Tools) -> list[str]:
    """One sentence for each group of wheels whose name more than one source holds: which, and where they came from."""
    if len(indexes.searched) < 2:
        return []
    own = {wheel.index: pages[wheel.name] for wheel in wheels if wheel.name in pages}
    asked = [wheel for wheel in wheels if not wheel.url]
    with ThreadPoolExecutor(THREADS) as pool:
        holders = list(pool.map(lambda wheel: _holders(wheel, own.get(DEFAULT, ""), indexes, tools), asked))
    groups: dict[tuple[str, str], list[str]] = {}
    for wheel, names in zip(asked, holders, strict=True):
        if others := [name for name in names if name != wheel.index]:
            groups.setdefault((wheel.index, ", ".join(others)), []).append(wheel.name)
    return [
        f"on several sources ({index}, {others}), taken from {index}: {', '.join(names)}"
        for (index, others), names in sorted(groups.items())
    ]


def _holders(wheel: LockedWheel, default_page: str, indexes: Indexes, tools: Tools) -> list[str]:
    return [source.name for source in indexes.searched if _holds(source, wheel.name, default_page, tools)]


def _holds(source: Source, name: str, default_page: str, tools: Tools) -> bool:
    if source.folder is not None:
        if not source.links:
            return (source.folder / name).is_dir()
        return any(canonicalize_name(path.name.split("-")[0]) == name for path in source.folder.glob("*-*"))
    address = without_credentials(source.url) or (default_page if source.name == DEFAULT else "")
    if source.links or not address:
        return False
    try:
        return tools.fetch.look(f"{address.rstrip('/')}/{name}/").ok
    except FetchError:
        return False
