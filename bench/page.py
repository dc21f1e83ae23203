"""docs/benchmarks.md: each generated part stands between two marks."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def write(part: str, text: str) -> None:
    """Puts `text` between ``<!-- PART -->`` and ``<!-- /PART -->``.

    Raises:
        SystemExit: the page has no such part.
    """
    start, end = f"<!-- {part} -->", f"<!-- /{part} -->"
    before, first, rest = PAGE.read_text(encoding="utf-8").partition(start)
    _, last, after = rest.partition(end)
    if not (first and last):
        raise SystemExit(f"{PAGE.name} has no part between {start} and {end}")
    PAGE.write_text(f"{before}{start}\n{text}{end}{after}", encoding="utf-8")
