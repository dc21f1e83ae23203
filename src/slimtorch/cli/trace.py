"""``slimtorch trace``: runs an image and records what it uses."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slimtorch.cli import console, options
from slimtorch.cli.console import Table, size
from slimtorch.flows import trace as flow
from slimtorch.host.engines import ENGINES
from slimtorch.probe.tracing import METHODS
from slimtorch.slim.trace import largest_first

if TYPE_CHECKING:
    from slimtorch.host.machine import Machine
    from slimtorch.slim.trace import Trace, Used

_NUMBERS = frozenset({"size", "touched", "modules"})
_SMALL = 1_000_000
"""Bytes below which a package shares the last row."""


def _commands(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    try:
        found = tuple(tuple(shlex.split(value)) for value in values)
    except ValueError as error:
        raise click.BadParameter(f"{error}", context, option) from None
    if () in found:
        raise click.BadParameter("is empty", context, option)
    return found


@click.command("trace", short_help="Run an image and record what it uses.")
@click.argument("reference")
@click.option("--project", type=click.Path(path_type=Path), help="The project, for its held-out inputs. Default: none.")
@click.option(
    "--run", "commands", multiple=True, metavar="COMMAND", callback=_commands, help="Run this in the image too."
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), default="trace.json", show_default=True,
    help="Where the record is written.",
)  # fmt: skip
@click.option(
    "--merge", multiple=True, type=click.Path(path_type=Path), metavar="RECORD", help="Add what this record holds."
)
@click.option(
    "--method",
    type=click.Choice([name for name in METHODS if name]),
    default=None,
    help="How files are watched. Default: fanotify, else their access times.",
)
@click.option(
    "--engine",
    type=click.Choice([engine.name for engine in ENGINES if not engine.keeps_images]),
    default=None,
    help="Use this engine only.",
)
@click.option(
    "--timeout", type=float, callback=options.positive, default=120, show_default=True,
    help="Seconds to wait for the service, and for each command.",
)  # fmt: skip
@options.format_
@click.pass_obj
def command(
    machine: Machine,
    /,
    reference: str,
    project: Path | None,
    commands: tuple[tuple[str, ...], ...],
    output: Path,
    merge: tuple[Path, ...],
    method: str | None,
    engine: str | None,
    timeout: float,
    format_: str,
) -> int:
    """Run the image at REFERENCE and record what it uses of its packages, for `[slim] traced`.

    Its service is started and asked for the held-out answers, and once more with odd input; commands are run besides.
    What is opened, mapped and imported is seen; what is only looked for (stat) is seen where Python code does it.
    Nothing is written when something in the image does not work.

    \b
    slimtorch trace oci:dist/digits --project .                     the service, its held-out inputs
    slimtorch trace oci:dist/digits --run "python -m app.nightly"   and a job besides
    slimtorch trace oci:dist/digits --merge trace.json              add another run to a record
    """  # noqa: D301  (click's \b keeps the examples' lines)
    request = flow.Request(reference, output, project, commands, merge, method or "", engine or "", timeout)
    traced = flow.trace(request, machine)
    if format_ == "json":
        console.result_json(to_json(traced, output))
        console.findings(traced.findings)
    else:
        console.findings(traced.findings, to_stdout=True)
        console.table(table(traced.trace), to_stdout=True)
    if traced.failed:
        console.error(f"{output} was not written", "what did not run would be missing in it")
        return 1
    if format_ == "text":
        console.result(str(output))
    return 0


def table(trace: Trace) -> Table:
    """What was used of every package, the largest first; small ones share a row."""
    packages = list(largest_first(trace))
    large = [used for used in packages if used.size >= _SMALL]
    rows = [(used.name, size(used.size), *_use(used)) for used in large]
    if small := packages[len(large) :]:
        rows.append((f"{len(small)} small ones", size(sum(used.size for used in small)), *_sum(small), ""))
    total = ("total", size(sum(used.size for used in packages)), *_sum(packages), "")
    last, count = trace.runs[-1], len(trace.runs)
    title = f"used in {count} run{'s' if count > 1 else ''}, seen by {last.method} in {last.engine}"
    return Table(("package", "size", "touched", "modules", "imported by"), rows, _NUMBERS, total, title)


def _use(used: Used) -> tuple[str, str, str]:
    why = used.wanted_by or ("" if used.modules else "only opened" if used.touched else "never touched")
    return size(used.touched_size), f"{len(used.modules):,}", why


def _sum(packages: list[Used]) -> tuple[str, str]:
    return size(sum(used.touched_size for used in packages)), f"{sum(len(used.modules) for used in packages):,}"


def to_json(traced: flow.Traced, output: Path) -> dict[str, Any]:
    """The result for programs: the sums; every path is in the record itself."""
    trace = traced.trace
    return {
        "reference": traced.reference,
        "record": None if traced.failed else str(output),
        "images": list(trace.images),
        "gpu": trace.gpu,
        "runs": [{"what": run.what, "method": run.method, "engine": run.engine} for run in trace.runs],
        "packages": [
            {
                "name": used.name,
                "version": used.version,
                "files": used.files,
                "size": used.size,
                "touched_files": len(used.touched),
                "touched_size": used.touched_size,
                "modules": len(used.modules),
                "imported_by": used.wanted_by,
            }
            for used in largest_first(trace)
        ],
        "findings": [
            {"rule": finding.rule, "severity": finding.severity.name.lower(), "message": finding.message}
            for finding in traced.findings
        ],
    }
