"""Says when several sources hold a name: the door through which a stranger's package of the same name comes in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
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
_UNTOLD = frozenset((HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED))
"""Answers that say nothing about the package. 403 is how some indexes say that there is none."""


def notes(wheels: Sequence[LockedWheel], pages: Mapping[str, str], indexes: Indexes, tools: Tools) -> list[str]:
    """One sentence for each group of wheels whose name more than one source holds: which, and where they came from.

    One more for each source that could not be asked.
    """
    if len(indexes.searched) < 2:
        return []
    own = {wheel.index: pages[wheel.name] for wheel in wheels if wheel.name in pages}
    asked = [wheel for wheel in wheels if not wheel.url]
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda wheel: _holders(wheel, own.get(DEFAULT, ""), indexes, tools), asked))
    groups: dict[tuple[str, str], list[str]] = {}
    silent: dict[str, list[str]] = {}
    for wheel, holds in zip(asked, answers, strict=True):
        if others := [name for name, answer in holds.items() if answer and name != wheel.index]:
            groups.setdefault((wheel.index, ", ".join(others)), []).append(wheel.name)
        for name in (name for name, answer in holds.items() if answer is None and name != wheel.index):
            silent.setdefault(name, []).append(wheel.name)
    return [
        *(
            f"on several sources ({index}, {others}), taken from {index}: {', '.join(names)}"
            for (index, others), names in sorted(groups.items())
        ),
        *(
            f"the source {name} could not be asked whether it holds packages of the same names: {', '.join(names)}"
            for name, names in sorted(silent.items())
        ),
    ]


def _holders(wheel: LockedWheel, default_page: str, indexes: Indexes, tools: Tools) -> dict[str, bool | None]:
    return {source.name: _holds(source, wheel.name, default_page, tools) for source in indexes.searched}


def _holds(source: Source, name: str, default_page: str, tools: Tools) -> bool | None:
    """Whether the source has packages of that name; None where it could not be asked."""
    if source.folder is not None:
        if not source.links:
            return (source.folder / name).is_dir()
        return any(canonicalize_name(path.name.split("-")[0]) == name for path in source.folder.glob("*-*"))
    address = without_credentials(source.url) or (default_page if source.name == DEFAULT else "")
    if source.links or not address:
        return False
    try:
        found = tools.fetch.look(f"{address.rstrip('/')}/{name}/")
    except FetchError:
        return None
    return None if found.status in _UNTOLD else found.ok
