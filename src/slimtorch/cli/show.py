"""``slimtorch show``: what an image is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from slimtorch.cli import console, gpu_code_tables, options, tables
from slimtorch.errors import UsageError
from slimtorch.flows import show as flow

if TYPE_CHECKING:
    from slimtorch.host.machine import Machine
    from slimtorch.tables.gpus import Gpu


@click.command("show", short_help="Show what an image is made of, in bytes.")
@click.argument("reference")
@click.option("--packages", is_flag=True, help="List every package instead of the largest ones of each layer.")
@click.option("--gpu-code", is_flag=True, help="List the code for GPUs in each library, by architecture.")
@click.option("--gpu", "gpus", multiple=True, metavar="NAME", callback=options.gpus,
              help="With --gpu-code: what keeping only the code that this GPU runs would save, such as h100. May be "
              "given several times.")  # fmt: skip
@options.format_
@click.pass_obj
def command(
    machine: Machine, reference: str, gpus: tuple[Gpu, ...], format_: str, *, packages: bool, gpu_code: bool
) -> None:
    """Show the layers and packages of the image at REFERENCE: files, bytes, bytes and seconds to pull.

    With --gpu-code REFERENCE may also be any folder, such as dir:.venv/lib/python3.11/site-packages.
    """
    if gpus and not gpu_code:
        raise UsageError("--gpu says nothing without --gpu-code", hint="write --gpu-code as well")
    if gpu_code:
        _gpu_code(flow.gpu_code(reference, gpus, machine), format_)
        return
    shown = flow.show(reference, machine)
    if format_ == "json":
        console.result_json(tables.inventory_json(shown))
        return
    console.table(tables.packages(shown) if packages else tables.inventory(shown), to_stdout=True)
    console.result(shown.reference)


def _gpu_code(shown: flow.ShownCode, format_: str) -> None:
    if format_ == "json":
        console.result_json(gpu_code_tables.as_json(shown))
        return
    if not shown.libraries:
        console.say("no library has code for GPUs")
    else:
        console.table(gpu_code_tables.table(shown), to_stdout=True)
    for remark in gpu_code_tables.remarks(shown):
        console.say(remark)
    console.result(shown.reference)
