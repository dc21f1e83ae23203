"""``slimtorch build``: a project becomes an image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slimtorch.cli import console, options, proofs, tables
from slimtorch.errors import ProofError
from slimtorch.flows import build as flow
from slimtorch.flows.packages import PackageSources
from slimtorch.host.rewrite import rewrite

if TYPE_CHECKING:
    from slimtorch.host.machine import Machine
    from slimtorch.tables.gpus import Gpu


@click.command("build", short_help="Build a project into an image.")
@options.project
@click.option(
    "-o", "--output", multiple=True, metavar="REF", help="Where to put the image; may be given more than once."
)
@click.option("--tag", default="", metavar="TAG", help="Tag instead of the one made from the project's pattern.")
@click.option("--platform", default="", metavar="PLATFORM", help="Build for this platform, such as linux/arm64.")
@click.option("--locked", is_flag=True, help="Fail when there is no lock, instead of locking first.")
@click.option(
    "--gpu", "gpus", multiple=True, metavar="NAME", callback=options.gpus,
    help="Keep the GPU code for this GPU only, such as h100, instead of the project's (experimental).",
)  # fmt: skip
@click.option("--ledger", type=click.Path(dir_okay=False, path_type=Path), callback=options.writable,
              help="Write what was slimmed to this file.")  # fmt: skip
@click.option("--fallback-unslimmed", "fallback", is_flag=True,
              help="Where a proof of slimming fails, build from the packages as they are.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Show the plan; download and write nothing.")
@options.package_sources
@options.format_
@click.pass_obj
def command(
    machine: Machine,
    /,
    project: Path,
    output: tuple[str, ...],
    tag: str,
    platform: str,
    gpus: tuple[Gpu, ...],
    ledger: Path | None,
    format_: str,
    *,
    locked: bool,
    fallback: bool,
    dry_run: bool,
    **sources: Any,  # noqa: ANN401  (the shared options)
) -> int:
    """Build PROJECT (a folder with slimtorch.toml, or [tool.slimtorch] in pyproject.toml) into an image.

    \b
    slimtorch build                                   to oci:dist/NAME
    slimtorch build -o archive:digits.tar             one file for docker, podman, skopeo, umoci
    slimtorch build -o docker:digits -o oci:dist      to two places at once
    slimtorch build --gpu h100                        with the GPU code of one GPU only
    slimtorch verify $(slimtorch build)               the result is the reference with its digest
    """  # noqa: D301  (click's \b keeps the examples' lines)
    request = flow.Request(project, output, tag, platform, PackageSources(**sources), locked, gpus, fallback)
    if dry_run:
        _show_plan(flow.preview(request, machine), format_)
        return 0
    try:
        built = flow.build(request, machine)
    except ProofError as error:
        return proofs.failed(error, format_, ledger)
    if ledger is not None:
        _write_ledger(built, ledger)
    if format_ == "json":
        console.result_json(tables.built_json(built))
        return 0
    console.table(tables.built(built))
    console.say(_how_to_run(built))
    for reference in built.references:
        console.result(reference)
    return 0


def _write_ledger(built: flow.Built, path: Path) -> None:
    if built.ledger is None:
        console.say(f"{path} was not written: there was nothing to take out")
    else:
        rewrite({path: built.ledger})


def _how_to_run(built: flow.Built) -> str:
    """One line that runs the image, wherever it was put."""
    first = built.references[0].partition("@")[0]
    scheme, _, place = first.partition(":")
    engine = "podman" if scheme == "podman" else "docker"
    name = place if scheme == engine else built.name
    copy = "" if scheme == engine else f"slimtorch copy {first} docker:{name} && "
    # Compiled kernels are loaded from the caches, and tmpfs is mounted noexec unless one says otherwise.
    writable = " ".join(f"--tmpfs {path}" if path == "/tmp" else f"--tmpfs {path}:exec" for path in built.plan.writable)  # noqa: S108
    ports = " ".join(f"-p {port}:{port}" for port in built.plan.runtime.ports)
    return f"run it: {copy}{engine} run --rm --read-only {writable} --cap-drop ALL {ports} {name}"


def _show_plan(preview: flow.Preview, format_: str) -> None:
    if format_ == "json":
        console.result_json(tables.plan_json(preview))
    else:
        console.table(tables.plan(preview), to_stdout=True)
