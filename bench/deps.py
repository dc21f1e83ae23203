"""`slimtorch deps` against deptry and fawltydeps: ``python -m bench.deps [--write] [--rivals DIR] [--offline]``.

Prints tables and writes them to bench/out/ with every name behind them; ``--write`` puts them into docs/benchmarks.md
as well. The rivals are programs in DIR (`.venv.rivals/bin`). ``--offline`` leaves out what needs the network: the real
source distributions.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench import deps_rivals, deps_speed, page
from bench.measure import machine
from tests.corpus import cases, judging, score
from tests.support import sdists

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.deps_speed import Speed
    from tests.corpus.score import Count
    from tests.support.sdists import Judged

HERE = Path(__file__).parent
OUT = HERE / "out"
UNUSED = frozenset(("unused",))
"""What the others have a word for; what else they rightly call unused counts for them."""


@dataclass(frozen=True, slots=True)
class Result:
    """One tool on the whole corpus. `failures` are the projects that it could not read, and why."""

    tool: str
    unneeded: Count
    imported: Count
    failures: dict[str, str] = field(default_factory=dict)


def ours() -> Result:
    """slimtorch: every kind of problem is asked for."""
    every = list(cases.every())
    reports = [(case, judging.answer(case).report) for case in every]
    return Result(
        "slimtorch",
        score.total(score.unneeded(case, report, cases.UNNEEDED) for case, report in reports),
        score.total(score.imported(case, report) for case, report in reports),
    )


def rivals(binaries: Path, *, installed: bool) -> list[Result]:
    """The others, with nothing installed or with an environment that holds everything."""
    outcomes: dict[str, list[tuple[cases.Case, deps_rivals.Outcome]]] = {name: [] for name in deps_rivals.TOOLS}
    for case in cases.every():
        with deps_rivals.prepared(case, installed=installed) as place:
            for name, tool in deps_rivals.TOOLS.items():
                outcomes[name].append((case, tool(binaries, place)))
    where = "everything installed" if installed else "nothing installed"
    return [
        Result(
            f"{name}, {where}",
            score.total(score.unneeded(case, outcome.report, UNUSED, pins=False) for case, outcome in each),
            score.total(score.imported(case, outcome.report) for case, outcome in each),
            {case.name: outcome.failure for case, outcome in each if outcome.failure},
        )
        for name, each in outcomes.items()
    ]


def sources() -> list[Judged]:
    """What is said of real source distributions."""
    here = sdists.machine()
    found = []
    for pin in sdists.pins():
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            found.append(sdists.judged(pin, sdists.fetched(pin, here), Path(folder), here))
    return found


def corpus_table(results: Sequence[Result]) -> Iterator[str]:
    """Precision and recall as Markdown."""
    yield "| | unneeded: precision | recall | said wrongly | undeclared: precision | recall | said wrongly |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for one in results:
        cells = [one.tool]
        for count in (one.unneeded, one.imported):
            cells += [f"{count.precision:.2f}", f"{count.recall:.2f}", str(len(count.wrong))]
        yield f"| {' | '.join(cells)} |"


def sources_table(judged: Sequence[Judged]) -> Iterator[str]:
    """The source distributions as Markdown."""
    yield "| | requirements | called unneeded | imports called undeclared or missing |"
    yield "|---|--:|--:|---|"
    for one in judged:
        names = ", ".join(sorted(one.imported)) or "none"
        yield f"| {one.pin.name} {one.pin.version} | {len(one.declared)} | {len(one.unneeded)} | {names} |"


def speed_table(speed: Speed) -> Iterator[str]:
    """Times as Markdown."""
    yield f"| {speed.files:,} files, {speed.size / 1e6:.0f} MB | seconds |"
    yield "|---|--:|"
    yield f"| `ast.parse` alone | {speed.parse:.2f} |"
    yield f"| slimtorch: imports, references, roles | {speed.read:.2f} |"
    yield f"| ratio (limit 1.5) | **{speed.ratio:.2f}** |"
    for name, seconds in speed.processes.items():
        yield f"| whole process: {name} | {seconds:.2f} |"


def tables(results: Sequence[Result], speed: Speed, judged: Sequence[Judged]) -> str:
    """All tables, and what is to be known about them."""
    every = list(cases.every())
    problems = sum(len(case.unneeded) + len(case.imported) for case in every)
    here = machine()
    failures = [f"{one.tool} cannot read {name}" for one in results for name in one.failures]
    parts = [
        f"{len(every)} projects, {sum(len(case.production) for case in every)} requirements, {problems} problems.",
        "\n".join(corpus_table(results)),
        "; ".join(failures) + "." if failures else "",
        "\n".join(sources_table(judged)),
        "\n".join(speed_table(speed)),
        f"{here['processor']}, {here['cores']} cores, Python {here['python']}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.deps")
    parser.add_argument("--rivals", type=Path, default=Path(".venv.rivals/bin"))
    parser.add_argument("--offline", action="store_true")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    binaries = given.rivals.absolute()
    if lacking := [name for name in deps_rivals.TOOLS if not (binaries / name).is_file()]:
        raise SystemExit(f"{', '.join(lacking)}: not in {binaries}; pip install -r requirements/bench.txt there")
    results = [ours(), *rivals(binaries, installed=False), *rivals(binaries, installed=True)]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        speed = deps_speed.measure(Path(folder) / "tree", binaries)
    judged = [] if given.offline else sources()
    text = tables(results, speed, judged)
    OUT.mkdir(exist_ok=True)
    record = {"machine": machine(), "corpus": results, "speed": speed, "sources": judged}
    (OUT / "deps.json").write_text(json.dumps(record, default=_plain, indent=1) + "\n")
    (OUT / "deps.md").write_text(text)
    if given.write:
        page.write("bench.deps", text)
    print(text)


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else asdict(value)  # type: ignore[call-overload]


if __name__ == "__main__":
    main()
