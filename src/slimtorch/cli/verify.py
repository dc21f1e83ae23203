"""``slimtorch verify``: starts an image and proves that it works."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from slimtorch.cli import console, options, tables
from slimtorch.findings import Severity
from slimtorch.flows import verify as flow
from slimtorch.host.engines import ENGINES

LONGEST = 86_400.0
"""Seconds that a service may be waited for: a day."""

if TYPE_CHECKING:
    from slimtorch.host.machine import Machine


def _positive(context: click.Context, option: click.Parameter, value: float) -> float:
    if not 0 < value <= LONGEST:  # also false for "nan"
        raise click.BadParameter(f"{value} is not a time between 0 and {LONGEST:g} seconds", context, option)
    return value


@click.command("verify", short_help="Start an image and prove that it works.")
@click.argument("reference")
@click.option(
    "--project", type=click.Path(path_type=Path), help="The project, for its held-out answers. Default: none."
)
@click.option(
    "--engine", type=click.Choice([engine.name for engine in ENGINES]), default=None, help="Use this engine only."
)
@click.option(
    "--timeout", type=float, callback=_positive, default=120, show_default=True, help="Seconds to wait for the service."
)
@click.option("--record", is_flag=True, help='Keep the load time in the lock, for start-period = "measured".')
@options.fail_on
@options.format_
@click.pass_obj
def command(
    machine: Machine,
    /,
    reference: str,
    project: Path | None,
    engine: str | None,
    timeout: float,
    fail_on: str,
    format_: str,
    *,
    record: bool,
) -> int:
    """Start the image at REFERENCE, import, ask, measure, and look for what would break it elsewhere."""
    request = flow.Request(reference, project, engine or "", timeout, record=record)
    verified = flow.verify(request, machine)
    if format_ == "json":
        console.result_json(tables.proof_json(verified))
    else:
        console.findings(verified.findings, to_stdout=True)
        console.table(tables.proof(verified), to_stdout=True)
    threshold = Severity[fail_on.upper()]
    return int(any(finding.severity >= threshold for finding in verified.findings))
