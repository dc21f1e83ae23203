"""``slimtorch lock``: pins what a project needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slimtorch.cli import console, lock_tables, options, tables
from slimtorch.flows import lock as flow
from slimtorch.flows.packages import PackageSources

if TYPE_CHECKING:
    from slimtorch.host.machine import Machine


@click.command("lock", short_help="Pin every wheel and distribution package.")
@options.project
@click.option("--upgrade", is_flag=True, help="Take the newest versions of everything.")
@click.option("--upgrade-os", is_flag=True, help="Take the newest distribution packages; keep the wheels.")
@click.option(
    "--vendor", type=click.Path(file_okay=False, path_type=Path), help="Also put every file into this folder."
)
@click.option("--check", is_flag=True, help="Only say whether the lock fits the project; write nothing.")
@click.option("--dry-run", is_flag=True, help="Resolve and show; write nothing.")
@click.option("--diff", is_flag=True, help="Resolve and explain what would change, in megabytes; write nothing.")
@options.package_sources
@options.format_
@click.pass_obj
def command(
    machine: Machine,
    /,
    project: Path,
    vendor: Path | None,
    format_: str,
    *,
    upgrade: bool,
    upgrade_os: bool,
    check: bool,
    dry_run: bool,
    diff: bool,
    **sources: Any,  # noqa: ANN401  (the shared options)
) -> None:
    """Resolve PROJECT for its platforms and write slimtorch.lock beside its configuration.

    Versions that the present lock holds are kept where they still satisfy the project.
    """
    if check:
        flow.check(project, machine)
        console.say("slimtorch.lock fits the project")
        return
    request = flow.Request(
        project,
        PackageSources(**sources),
        upgrade=upgrade,
        upgrade_os=upgrade_os,
        vendor=vendor,
        write=not (dry_run or diff),
        explain=diff,
    )
    locked = flow.lock(request, machine)
    if format_ == "json":
        console.result_json({**tables.lock_json(locked), **lock_tables.to_json(locked)})
    elif diff:
        _show(locked)
    else:
        console.table(tables.locked(locked))
        console.result(str(locked.path))


def _show(locked: flow.Locked) -> None:
    for platform, found in locked.changes.items():
        console.table(lock_tables.changes(platform, found), to_stdout=True)
        for line in lock_tables.reasons(platform, found):
            console.result(line)
    if not locked.changes:
        console.result("nothing would change")
