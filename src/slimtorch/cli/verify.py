"""``slimtorch verify``: starts an image and proves that it works."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slimtorch.cli import console, options, tables
from slimtorch.errors import UsageError
from slimtorch.findings import Severity
from slimtorch.flows import against as against_flow
from slimtorch.flows import on_gpu as gpu_flow
from slimtorch.flows import verify as flow
from slimtorch.host.engines import ENGINES

if TYPE_CHECKING:
    from slimtorch.findings import Finding
    from slimtorch.host.machine import Machine


def _on_gpu(reference: str, against: str | None, engine: str | None, machine: Machine) -> tuple[Finding, ...]:
    """How what the image computes on this machine's GPU differs from what its original does."""
    if against is None:
        raise UsageError("--on-gpu compares with another image", hint="add --against ORIGINAL")
    compared = gpu_flow.compare_on_gpu(reference, against, machine, engine or "")
    console.say(gpu_flow.summary(compared))
    return gpu_flow.findings(compared)


def _against(reference: str, original: str, project: Path | None, machine: Machine) -> tuple[Finding, ...]:
    """How the image differs from its original where it must not; says what was compared."""
    found = against_flow.against(reference, original, machine, project)
    for text in found.shown:
        console.say(text)
    return found.findings


@click.command("verify", short_help="Start an image and prove that it works.")
@click.argument("reference")
@click.option(
    "--project", type=click.Path(path_type=Path), help="The project, for its held-out answers. Default: none."
)
@click.option(
    "--engine", type=click.Choice([engine.name for engine in ENGINES]), default=None, help="Use this engine only."
)
@click.option(
    "--timeout",
    type=float,
    callback=options.positive,
    default=120,
    show_default=True,
    help="Seconds to wait for the service.",
)
@click.option("--record", is_flag=True, help='Keep the load time in the lock, for start-period = "measured".')
@click.option("--against", metavar="ORIGINAL", default=None, help="The image that REFERENCE was slimmed from.")
@click.option(
    "--on-gpu", is_flag=True, help="Also compare what both compute on this machine's GPU; needs --against and docker."
)
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
    against: str | None,
    fail_on: str,
    format_: str,
    *,
    record: bool,
    on_gpu: bool,
) -> int:
    """Start the image at REFERENCE, import, ask, measure, and look for what would break it elsewhere."""
    request = flow.Request(reference, project, engine or "", timeout, record=record)
    # First: a machine without a GPU says so at once.
    computed = _on_gpu(reference, against, engine, machine) if on_gpu else ()
    compared = _against(reference, against, project, machine) if against else ()
    verified = flow.verify(request, machine)
    verified = replace(verified, findings=(*verified.findings, *compared, *computed))
    if format_ == "json":
        console.result_json(tables.proof_json(verified))
    else:
        console.findings(verified.findings, to_stdout=True)
        console.table(tables.proof(verified), to_stdout=True)
    threshold = Severity[fail_on.upper()]
    return int(any(finding.severity >= threshold for finding in verified.findings))
