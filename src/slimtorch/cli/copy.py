"""``slimtorch copy``: an image from one place to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from slimtorch.cli import console
from slimtorch.flows import copy as flow

if TYPE_CHECKING:
    from slimtorch.host.machine import Machine


@click.command("copy", short_help="Copy an image from one place to another.")
@click.argument("source")
@click.argument("destination")
@click.pass_obj
def command(machine: Machine, source: str, destination: str) -> None:
    """Copy the image at SOURCE to DESTINATION, in the compression that the destination understands.

    \b
    slimtorch copy oci:dist/digits docker:digits:v1
    slimtorch copy archive:digits.tar dir:rootfs
    """  # noqa: D301  (click's \b keeps the examples' lines)
    console.result(flow.copy(source, destination, machine))
