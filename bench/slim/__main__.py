"""``python -m bench.slim [tree] [digits] [--write] [--folder DIR]``: measure, print, keep in bench/out/.

``--write`` puts the tables into docs/benchmarks.md as well. ``tree`` needs 20 GB of disk and zstd; ``digits`` is run as
root on Debian, as ``bench.digits`` is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from bench import page
from bench.daemon import missing
from bench.measure import machine
from bench.slim import digits, report, tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

OUT = Path(__file__).parents[1] / "out"
PARTS: dict[str, tuple[Callable[[Path], Any], Callable[[Any], str]]] = {
    "tree": (tree.measure, report.tree),
    "digits": (digits.measure, report.digits),
}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.slim")
    parser.add_argument("parts", nargs="*", metavar="tree|digits")
    parser.add_argument("--folder", type=Path, help="where the trees stand while they are measured")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    if unknown := [name for name in given.parts if name not in PARTS]:
        parser.error(f"no part is called {unknown[0]}; there are {', '.join(PARTS)}")
    given.parts = given.parts or [*PARTS]
    if "digits" in given.parts and (lacking := missing()):
        raise SystemExit(f"install these Debian packages first: {' '.join(lacking)}")
    OUT.mkdir(exist_ok=True)
    for name in given.parts:
        take, show = PARTS[name]
        with tempfile.TemporaryDirectory(prefix="bench-", dir=given.folder) as folder:
            measured = take(Path(folder))
        record = {"machine": machine(), name: asdict(measured)}
        (OUT / f"slim-{name}.json").write_text(json.dumps(record, indent=2) + "\n")
        text = show(measured)
        print(text)
        if given.write:
            page.write(f"bench.slim {name}", text)


if __name__ == "__main__":
    main()
