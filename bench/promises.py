"""What was promised for examples/digits, next to what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.digits import Slim
    from bench.reference import Reference


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `ratio` and `limit` are None where nothing was promised or nothing can be divided."""

    what: str
    ours: str
    theirs: str
    ratio: float | None = None
    limit: float | None = None

    @property
    def kept(self) -> str:
        """Whether the promise is kept."""
        if self.limit is None or self.ratio is None:
            return ""
        return "yes" if self.ratio <= self.limit else "**no**"


def rows(ours: Slim, theirs: Reference) -> list[Row]:
    """Every promise, and around it what helps to judge it."""
    return [*sizes(ours, theirs), *cold(ours, theirs), *changes(ours, theirs), *alone(ours)]


def sizes(ours: Slim, theirs: Reference) -> list[Row]:
    """Bytes: exact, and the same on every machine that gets the same packages."""
    pairs = [
        ("bytes to pull, zstd against gzip", ours.pull_zstd, theirs.pull_gzip, 0.72),
        ("bytes to pull, gzip against gzip", ours.pull_gzip, theirs.pull_gzip, 0.82),
        ("bytes to pull, zstd against zstd", ours.pull_zstd, theirs.pull_zstd, None),
        ("bytes unpacked", ours.unpacked, theirs.unpacked, 0.86),
    ]
    return [Row(what, size(one), size(other), one / other, limit) for what, one, other, limit in pairs]


def cold(ours: Slim, theirs: Reference) -> list[Row]:
    """Builds from downloaded wheels; slimtorch's ends with an OCI layout on the disk."""
    pairs = [
        ("cold build; reference: until the daemon has it", theirs.cold, 0.5),
        ("cold build; reference: its apt steps cached", theirs.dependencies, None),
        ("cold build; reference: pushed to a local registry", theirs.cold_push, None),
        ("cold build; reference: until an OCI layout is on the disk", theirs.cold_layout, None),
        ("cold build; the bare cost of the same tree", ours.bare.seconds, 1.5),
    ]
    return [Row(what, seconds(ours.cold), seconds(other), ours.cold / other, limit) for what, other, limit in pairs]


def changes(ours: Slim, theirs: Reference) -> list[Row]:
    """Builds after one changed line of serve.py."""
    pairs = [
        ("one-line change; reference: until an OCI layout is on the disk", theirs.code_layout, 0.1),
        ("one-line change; reference: until the daemon has it", theirs.code, None),
        ("one-line change; reference: pushed to a local registry", theirs.code_push, None),
    ]
    return [Row(what, seconds(ours.code), seconds(other), ours.code / other, limit) for what, other, limit in pairs]


def alone(ours: Slim) -> list[Row]:
    """Promises that need no reference; the ratio is to the limit itself."""
    return [
        Row("one-line change, whole process; limit 0.7 s", seconds(ours.code), "", ours.code / 0.7, 1),
        Row("bytes that one changed line adds; limit 20 KB", size(ours.changed), "", ours.changed / 20_000, 1),
        Row("peak memory of a build; limit 250 MB", size(ours.peak_rss), "", ours.peak_rss / 250e6, 1),
    ]


def markdown(
    rows: Iterable[Row], facts: Mapping[str, str], *, ours: str = "slimtorch", theirs: str = "reference"
) -> str:
    """The rows as a table for docs/benchmarks.md, below what was measured on; the columns are called so."""
    lines = [
        ", ".join(f"{name}: {value}" for name, value in facts.items()),
        "",
        f"| what | {ours} | {theirs} | ratio | promised | kept |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        limit = "" if row.limit is None else f"≤ {row.limit:g}"
        lines.append(f"| {row.what} | {row.ours} | {row.theirs} | {ratio} | {limit} | {row.kept} |")
    return "\n".join(lines) + "\n"


def size(count: int) -> str:
    """Bytes for people; MB are 10^6."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count:,} bytes"


def seconds(value: float) -> str:
    """Seconds for people."""
    return f"{value:.2f} s"
