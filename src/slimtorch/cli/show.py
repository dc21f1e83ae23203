"""``slimtorch show``: what an image is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from slimtorch.cli import console, options, tables
from slimtorch.flows import show as flow

if TYPE_CHECKING:
    from slimtorch.host.machine import Machine


@click.command("show", short_help="Show what an image is made of, in bytes.")
@click.argument("reference")
@click.option("--packages", is_flag=True, help="List every package instead of the largest ones of each layer.")
@options.format_
@click.pass_obj
def command(machine: Machine, reference: str, format_: str, *, packages: bool) -> None:
    """Show the layers and packages of the image at REFERENCE: files, bytes, bytes and seconds to pull."""
    shown = flow.show(reference, machine)
    if format_ == "json":
        console.result_json(tables.inventory_json(shown))
        return
    console.table(tables.packages(shown) if packages else tables.inventory(shown), to_stdout=True)
    console.result(shown.reference)
