"""``slimtorch deps split``: production's requirements and development's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from packaging.utils import canonicalize_name

from slimtorch.cli import console, options
from slimtorch.deps.split.files import Outputs
from slimtorch.deps.split.model import Place
from slimtorch.deps.split.proposal import Wanted
from slimtorch.flows.deps import split as flow
from slimtorch.flows.packages import PackageSources
from slimtorch.project.sizes import written

if TYPE_CHECKING:
    from slimtorch.deps.split.proposal import Proposal
    from slimtorch.flows.deps.split import Proposed
    from slimtorch.host.machine import Machine


@click.command("split", short_help="Split requirements into production's and development's.")
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1, metavar="[FILES]...")
@click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder whose code decides; without it, the files' own project.",
)
@click.option("--prod", multiple=True, metavar="NAME", help="This requirement stays, whatever the code says.")
@click.option("--dev", multiple=True, metavar="NAME", help="This requirement goes, whatever the code says.")
@click.option("--prod-file", default="", metavar="NAME", help="Name of production's file, beside the source.")
@click.option("--dev-file", default="", metavar="NAME", help="Name of development's file, beside the source.")
@click.option("--write", is_flag=True, help="Write the files without asking.")
@click.option("--force", is_flag=True, help="Replace files that no split wrote.")
@options.package_sources
@options.format_
@click.pass_obj
def command(
    machine: Machine,
    /,
    paths: tuple[Path, ...],
    project: Path | None,
    prod: tuple[str, ...],
    dev: tuple[str, ...],
    prod_file: str,
    dev_file: str,
    format_: str,
    *,
    write: bool,
    force: bool,
    **sources: Any,  # noqa: ANN401  (the shared options)
) -> None:
    """Show how FILES would be split, and write that when asked.

    FILES are requirements files, pyproject.toml, or folders of projects (default: this one). Of requirements.txt come
    requirements-prod.txt and requirements-dev.txt, which starts by including the other; in pyproject.toml, what
    development needs goes to dependency groups. The diff is the result; without --write, a terminal is asked.
    """
    wanted = Wanted(_places(prod, dev), Outputs(prod_file, dev_file))
    request = flow.Request(paths or (Path(),), project, wanted, PackageSources(**sources))
    proposed = flow.propose(request, machine)
    if format_ == "json":
        if write:
            flow.write(proposed.proposal, force=force)
        console.result_json(_json(proposed, written=write))
        return
    found = proposed.proposal
    for note in found.notes:
        console.say(f"note: {note}")
    console.table(_table(proposed))
    for change in found.changes:
        console.diff(change.diff, to_stdout=not write)
    if not found.changes:
        console.say("there is nothing to do")
    elif write or console.ask(f"write {' and '.join(change.path.name for change in found.changes)}?"):
        for path in flow.write(found, force=force):
            console.result(str(path))
    else:
        console.say("nothing was written; --write does")


def _places(prod: tuple[str, ...], dev: tuple[str, ...]) -> dict[str, Place]:
    places: dict[str, Place] = {}
    for names, place in ((prod, Place.PROD), (dev, Place.DEV)):
        for name in map(canonicalize_name, names):
            if places.setdefault(name, place) is not place:
                raise click.UsageError(f"{name} is given to both --prod and --dev")
    return places


def _table(proposed: Proposed) -> console.Table:
    found = proposed.proposal
    several = len({path for path, _ in found.moves}) > 1
    rows = [
        (
            f"{path}:{move.line}" if several else f"{move.line}",
            move.text,
            str(move.decision.to),
            move.decision.why,
            written(move.decision.unpacked) if move.decision.unpacked else "",
        )
        for path, move in found.moves
    ]
    leaves = any(move.decision.to is not Place.PROD for _, move in found.moves)
    total = ("", "production shrinks by", "", "", written(proposed.saved)) if leaves and proposed.saved else ()
    return console.Table(("line", "requirement", "goes to", "why", "size"), rows, frozenset({"line", "size"}), total)


def _json(proposed: Proposed, *, written: bool) -> dict[str, Any]:
    found: Proposal = proposed.proposal
    return {
        "requirements": [
            {
                "file": str(path),
                "line": move.line,
                "requirement": move.text,
                "name": move.name,
                "to": str(move.decision.to),
                "why": move.decision.why,
                "size": move.decision.unpacked,
            }
            for path, move in found.moves
        ],
        "files": [{"path": str(one.path), "diff": one.diff, "foreign": one.foreign} for one in found.changes],
        "notes": list(found.notes),
        "saved": proposed.saved,
        "written": written and bool(found.changes),
    }
