"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slimtorch.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Callable

project = click.argument("project", type=click.Path(path_type=Path), default=".", required=False)
format_ = click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How the result is printed."
)
fail_on = click.option(
    "--fail-on",
    type=click.Choice([severity.name.lower() for severity in reversed(Severity)]),
    default="error",
    show_default=True,
    help="The mildest finding that makes the exit code 1.",
)


def package_sources(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say, for this run only, where packages come from."""
    for option in reversed(
        (
            click.option(
                "--index-url", default="", metavar="URL", help="Python index to use instead of the configured one."
            ),
            click.option("--extra-index-url", multiple=True, metavar="URL", help="Another Python index to look in."),
            click.option("--find-links", multiple=True, metavar="PLACE", help="A folder or page of wheels to look in."),
            click.option(
                "--apt-mirror", default="", metavar="URL", help="Debian mirror to use instead of the configured one."
            ),
        )
    ):
        command = option(command)
    return command
