"""``slimtorch slim``: an image, or an installation where it stands, without what the service does not need."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from slimtorch.cli import console, options, proofs, slim_tables
from slimtorch.errors import ProofError, UsageError
from slimtorch.flows import slim as flow
from slimtorch.flows import slim_folder
from slimtorch.host.rewrite import rewrite
from slimtorch.image import reference as references
from slimtorch.project.config.reader import BadValueError
from slimtorch.project.config.slim import patterns
from slimtorch.project.model import Profile, Slim
from slimtorch.slim import ledger as ledgers
from slimtorch.slim import subject as subjects
from slimtorch.slim.model import Policy
from slimtorch.tables import stubs as stubs_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.host.machine import Machine
    from slimtorch.slim.model import Ledger

FAILED = 1
VENDOR = (
    "Change NVIDIA's libraries too. For internal use: the licence of the CUDA toolkit and of cuDNN lets an image "
    "carry them and forbids passing on changed ones."
)


@click.command("slim", short_help="Take out what a service does not need, with a reason and a proof.")
@click.argument("source", metavar="SRC")
@click.option("-o", "--output", metavar="DST", help="Where the slimmed image goes; SRC stays as it is.")
@click.option("--gpu", "gpus", multiple=True, metavar="NAME", callback=options.gpus, help="Keep the GPU code "
              "for this GPU only, such as h100 (experimental). May be given several times.")  # fmt: skip
@click.option("--profile", type=click.Choice([str(one) for one in Profile]), default="safe", show_default=True,
              help="safe: what no use of the code needs. inference: also what a service does not reach.")  # fmt: skip
@click.option("--vendor", is_flag=True, help=VENDOR)
@click.option("--keep-ptx", is_flag=True, help="Keep the newest PTX as well, so that GPUs to come can run it.")
@click.option("--stub", "stubs", multiple=True, metavar="NAME", help="Put a stand-in for this library, such as nccl.")
@click.option("--keep", multiple=True, metavar="GLOB", help="Leave these files as they are.")
@click.option("--drop", multiple=True, metavar="GLOB", help="Take these files out, whatever the passes say.")
@click.option("--traced", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="Take out what no run in this record of `slimtorch trace` touched.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only show the ledger; nothing is touched.")
@click.option("--ledger", type=click.Path(dir_okay=False, path_type=Path), callback=options.writable,
              help="Write the ledger to this file (JSON).")  # fmt: skip
@click.option("--keep-originals", is_flag=True, help="In place: keep what is taken out, so that --undo puts it back.")
@click.option("--undo", is_flag=True, help="In place: put back what an earlier run kept or left half done.")
@click.option("--project", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Of an image: the "
              "service's folder, whose code and inputs count.")  # fmt: skip
@options.format_
@click.pass_obj
def command(
    machine: Machine,
    /,
    source: str,
    output: str | None,
    ledger: Path | None,
    project: Path | None,
    format_: str,
    *,
    dry_run: bool,
    keep_originals: bool,
    undo: bool,
    **wishes: Any,  # noqa: ANN401  (what makes the policy)
) -> int:
    """Slim the image at SRC to DST, or the installation dir:SRC in place; every byte with a reason and a proof.

    \b
    slimtorch slim oci:dist/digits -o oci:dist/slim --gpu h100
    slimtorch slim dir:/usr/local/lib/python3.11/site-packages --gpu h100
    slimtorch slim dir:.venv --dry-run

    Without -o, a folder with a site-packages folder is changed in place. In a Dockerfile that belongs into the RUN of
    the install. Pruning GPU code is experimental until its results on a GPU are published; the ledger says what was
    proven of each file. The exit code is 1 where a proof failed, and nothing is changed then.
    """  # noqa: D301  (click's \b keeps the examples' lines)
    policy = _policy(wishes)
    folder = None if output is not None else _in_place(source)
    _check_options(in_place=folder is not None)
    if undo:
        return _undo(folder)
    try:
        if folder is not None:
            shown = _folder(slim_folder.Wanted(folder, policy, dry_run, keep_originals), machine)
        else:
            shown = _image(_request(source, output, policy, dry=dry_run, project=project), machine)
    except ProofError as error:
        return proofs.failed(error, format_, ledger)
    _show(shown, format_, ledger)
    if not shown.ledger.savings:
        console.say("there is nothing to take out")
    elif dry_run:
        console.say("nothing was changed: a dry run")
    return 0


def _policy(wishes: Mapping[str, Any]) -> Policy:
    slim = Slim(
        Profile(wishes["profile"]),
        wishes["vendor"],
        "newest" if wishes["keep_ptx"] else "none",
        tuple(dict.fromkeys(map(_stub, wishes["stubs"]))),
        _patterns("--keep", wishes["keep"]),
        _patterns("--drop", wishes["drop"]),
        wishes["traced"],
    )
    return Policy(slim, wishes["gpus"])


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is printed of a run: the ledger, the result's reference, what all paths start with, more in sentences."""

    ledger: Ledger
    reference: str
    prefix: str = ""
    more: str = ""


def _folder(wanted: slim_folder.Wanted, machine: Machine) -> _Shown:
    done = slim_folder.slim(wanted, machine)
    return _Shown(done.ledger, done.reference, slim_tables.prefix(done.place.sites))


def _request(source: str, output: str | None, policy: Policy, *, dry: bool, project: Path | None) -> flow.Request:
    if not output and not dry:
        raise UsageError(
            f"there is no place for the slimmed {source}",
            hint="give one with -o, such as -o oci:dist/slim; only an installation in a folder is slimmed in place",
        )
    folder = _in_place(source)
    if folder is not None and (place := subjects.located(folder)) and not place.whole:
        raise UsageError(
            f"{source} is an installation, not the root of an image: it is slimmed in place",
            hint="leave out -o; to keep what is there, copy the folder first and slim the copy",
        )
    return flow.Request(source, output or "", policy, dry, project)


def _image(request: flow.Request, machine: Machine) -> _Shown:
    done = flow.slim(request, machine)
    pull = f"{console.size(done.before)} to pull before, {console.size(done.after)} after"
    return _Shown(done.ledger, done.reference, more=f"{pull}; {done.kept} of {done.layers} layers are as they were")


def _check_options(*, in_place: bool) -> None:
    """Nothing, where every option that was given says something; one that is ignored would be believed in."""
    context = click.get_current_context()
    given = {
        str(option.name): option.opts[-1]
        for option in context.command.params
        if context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
    }
    if "undo" in given and in_place and (others := given.keys() - {"undo", "source"}):
        raise UsageError(f"--undo goes with no other option, not with {given[min(others)]}", hint="leave that out")
    if in_place and "project" in given:
        raise UsageError("--project is for an image", hint="leave it out; nothing is known of who uses a folder")
    if not in_place and "keep_originals" in given:
        raise UsageError("--keep-originals is for an installation in a folder", hint="SRC itself is never changed")


def _stub(name: str) -> str:
    if wrong := stubs_table.complaint(name):
        raise UsageError(f"--stub: {wrong}")
    return name


def _patterns(option: str, given: tuple[str, ...]) -> dict[str, str]:
    try:
        return patterns(dict.fromkeys(given, f"given with {option}"))
    except BadValueError as error:
        raise UsageError(f"{option}: {error}", hint=error.hint) from None


def _in_place(source: str) -> Path | None:
    found = references.parse(source)
    return found.path if found.scheme == "dir" else None


def _undo(folder: Path | None) -> int:
    if folder is None:
        raise UsageError(
            "--undo is for an installation in a folder", hint="write --undo dir:PATH; SRC itself is never changed"
        )
    count = slim_folder.undo(folder)
    console.say(f"{count:,} files were put back")
    console.result(f"dir:{folder}")
    return 0


def _write(value: dict[str, Any], file: Path | None) -> None:
    if file:
        rewrite({file: (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()})


def _show(shown: _Shown, format_: str, file: Path | None) -> None:
    value = ledgers.to_json(shown.ledger)
    _write(value, file)
    if format_ == "json":
        console.result_json({"reference": shown.reference, "digest": ledgers.digest(shown.ledger), **value})
        return
    for text in slim_tables.notes(shown.ledger, shown.prefix):
        console.say(f"note: {text}")
    if shown.ledger.savings:
        console.table(slim_tables.table(shown.ledger), to_stdout=True)
        if shown.more:
            console.say(shown.more)
    if shown.reference:
        console.result(shown.reference)
