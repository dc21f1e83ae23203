"""Refreshes ``tables/import_names.json`` from the newest wheels of the configured index, read in parts.

``python -m tools.import_names`` reads every distribution of the table again; names given as arguments join it. A
distribution that has no wheel for the target, or no module, leaves the table, and is named.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from slimtorch import tables
from slimtorch.errors import FetchError, ResolveError
from slimtorch.host.cache import Cache
from slimtorch.host.fetch import HttpFetch
from slimtorch.host.process import run
from slimtorch.host.progress import Silent
from slimtorch.project.lock import LockedWheel
from slimtorch.project.model import Requirements
from slimtorch.sources import distributions, downloads, selection, uv
from slimtorch.sources.indexes import configured
from slimtorch.sources.request import Request, Resolution, Tools
from slimtorch.sources.target import Target
from slimtorch.tables.import_names import check_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from slimtorch.inventory.distributions import Distribution
    from slimtorch.sources.selection import Pick

TABLE = Path(tables.__file__).with_name("import_names.json")
ABOUT = (
    "What well-known distributions are imported as: the outermost packages and modules of their newest wheels that "
    "are theirs alone (below a namespace, its parts). Written by tools/import_names.py from the wheels themselves."
)


def main(names: Sequence[str]) -> None:
    """Writes the table for the names it holds and these."""
    wanted = sorted({*tables.load("import_names")["modules"], *map(canonicalize_name, names)})
    with tempfile.TemporaryDirectory(prefix="slimtorch-") as folder:
        found = read(wanted, Path(folder))
    rows = {name: modules for name in wanted if name in found and (modules := top_modules(found[name]))}
    check_table(rows)
    TABLE.write_text(text(rows), encoding="utf-8")
    left_out = [name for name in wanted if name not in rows]
    sys.stderr.write(f"{len(rows)} distributions; left out: {', '.join(left_out) or 'none'}\n")


def read(names: Sequence[str], folder: Path) -> dict[str, Distribution]:
    """What the newest wheels of these names bring; those that have no wheel for the target are not in it."""
    indexes = configured(os.environ, Path.home())
    capabilities = Tools(run, HttpFetch(indexes.settings), os.environ)
    request = Request(Requirements(inline=("",)), Target("3.11"), indexes, folder)
    cache, progress = Cache(folder / "cache"), Silent()
    picks = list(_picks(names, request, capabilities))
    located = {str(pick.sha256): pick.url for pick in picks}
    downloads.remember(Resolution((), (), located), cache)
    # Of a wheel of an index, uv tells the size; only such wheels are in question.
    wheels = [
        LockedWheel(pick.name, pick.version, pick.filename, pick.sha256, _size(pick)) for pick in picks if _size(pick)
    ]
    found = distributions.of(wheels, request, capabilities, cache, progress)
    return {name: item for name, item in found.items() if not item.assumed}


def top_modules(found: Distribution) -> list[str]:
    """The outermost modules that are no namespaces; private ones only where there are no others."""
    tops = {name for name in found.modules - found.namespaces if _is_top(name, found)}
    # mypyc names what it compiles by a hash.
    public = {name for name in tops if not re.search(r"(?:^|\.)_|__mypyc$", name)}
    return sorted(public or tops)


def text(rows: Mapping[str, Iterable[str]]) -> str:
    """The table as JSON, one distribution a line, in order."""
    lines = ",\n".join(f"    {json.dumps(name)}: {json.dumps(list(modules))}" for name, modules in sorted(rows.items()))
    return f'{{\n  "about": {json.dumps(ABOUT)},\n  "modules": {{\n{lines}\n  }}\n}}\n'


def _is_top(name: str, found: Distribution) -> bool:
    parent = name.rpartition(".")[0]
    return not parent or parent in found.namespaces


def _picks(names: Sequence[str], request: Request, capabilities: Tools) -> Iterable[Pick]:
    """The newest wheels; where one name spoils the answer for all, each half is asked for by itself."""
    if not names:
        return
    question = uv.Question(("--no-deps",), tuple(names), alone=True)
    try:
        answer = uv.compile_pylock(request, capabilities, question)
        yield from selection.select(selection.parse(answer.text, "uv's answer"), request.target, answer.base, "they")
    except (ResolveError, FetchError):
        if len(names) > 1:
            middle = len(names) // 2
            yield from _picks(names[:middle], request, capabilities)
            yield from _picks(names[middle:], request, capabilities)


def _size(pick: Pick) -> int:
    return pick.path.stat().st_size if pick.path else pick.size or 0


if __name__ == "__main__":
    main(sys.argv[1:])
