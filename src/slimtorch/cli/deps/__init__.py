"""``slimtorch deps``: what production needs, and what it does not."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slimtorch.cli import console, options
from slimtorch.cli.deps import tables as deps_tables
from slimtorch.findings import Severity
from slimtorch.flows.deps import check as flow
from slimtorch.flows.packages import PackageSources

if TYPE_CHECKING:
    from slimtorch.host.machine import Machine

OTHERS = {
    "split": ("slimtorch.cli.deps.split", "Split requirements into production's and development's."),
    "swap": ("slimtorch.cli.deps.swap", "Propose smaller distributions for the same work."),
}


class _Group(click.Group):
    """`check` stands here; the others are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order of use."""
        return [*super().list_commands(ctx), *OTHERS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command called `cmd_name`, or None."""
        if cmd_name not in OTHERS:
            return super().get_command(ctx, cmd_name)
        command: click.Command = import_module(OTHERS[cmd_name][0]).command
        return command


@click.group("deps", cls=_Group, short_help="What production needs, and what it does not.")
def command() -> None:
    """Lay the imports of the code beside the requirements, and say what each of these is for.

    \b
    slimtorch deps check                     unused, for development only, missing, in megabytes
    slimtorch deps split requirements.txt    one list becomes two
    slimtorch deps swap                      smaller distributions for the same work
    """  # noqa: D301  (click's \b keeps the examples' lines)


@command.command("check", short_help="Say what each requirement is for.")
@options.project
@click.option("--all", "everything", is_flag=True, help="Also list what another requirement brings anyway.")
@click.option(
    "--fail-on",
    type=click.Choice([severity.name.lower() for severity in reversed(Severity)]),
    default="warning",
    show_default=True,
    help="The mildest finding that makes the exit code 1.",
)
@options.package_sources
@options.format_
@click.pass_obj
def check(
    machine: Machine,
    /,
    project: Path,
    fail_on: str,
    format_: str,
    *,
    everything: bool,
    **sources: Any,  # noqa: ANN401
) -> int:
    """Say what each requirement of PROJECT is for: used, unused, for development only, missing.

    PROJECT is a folder, a slimtorch.toml, a requirements file or a pyproject.toml; a folder with one of these is
    enough. Nothing is written, built or run, and nothing of the project is imported.
    """
    checked = flow.check(flow.Request(project, PackageSources(**sources)), machine)
    if format_ == "json":
        console.result_json(deps_tables.to_json(checked))
    else:
        console.table(deps_tables.dependencies(checked, everything=everything), to_stdout=True)
        for line in deps_tables.lines(checked):
            console.result(line)
    threshold = Severity[fail_on.upper()]
    return int(any(finding.severity >= threshold for finding in checked.findings))
