"""``slimtorch cache``: what the cache holds, and keeping it small and true."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from slimtorch.cli import console, options
from slimtorch.flows import cache as flow

if TYPE_CHECKING:
    from slimtorch.host.machine import Machine

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@click.group("cache", short_help="List, prune or check the cache.")
def command() -> None:
    """Downloads, layers and bytecode are kept by content, so that nothing is fetched or compiled twice."""


@command.command("list")
@options.format_
@click.pass_obj
def list_(machine: Machine, format_: str) -> None:
    """Show how much of what the cache holds."""
    kinds = flow.summary(machine.cache)
    if format_ == "json":
        rows = [{"kind": kind.kind, "items": kind.items, "bytes": kind.size} for kind in kinds]
        console.result_json({"root": str(machine.cache.root), "kinds": rows})
        return
    rows_text = [(kind.kind, f"{kind.items:,}", console.size(kind.size)) for kind in kinds]
    total = ("", f"{sum(kind.items for kind in kinds):,}", console.size(sum(kind.size for kind in kinds)))
    numbers = frozenset({"items", "size"})
    console.table(console.Table(("kind", "items", "size"), rows_text, numbers, total), to_stdout=True)
    console.result(str(machine.cache.root))


@command.command("prune")
@click.option("--keep", metavar="SIZE", help="Bytes to keep, most recently used first: 20GB, 500MB.")
@click.option("--all", "everything", is_flag=True, help="Keep nothing.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed; remove nothing.")
@click.pass_obj
def prune(machine: Machine, keep: str | None, *, everything: bool, dry_run: bool) -> None:
    """Remove what was not used for longest, until at most --keep is left."""
    if everything == bool(keep):
        raise click.UsageError("give either --keep SIZE or --all")
    choose = machine.cache.surplus if dry_run else machine.cache.prune
    removed = choose(keep_bytes=_bytes(keep or "0"))
    verb = "would remove" if dry_run else "removed"
    console.result(f"{verb} {len(removed):,} items, {console.size(sum(item.size for item in removed))}")


@command.command("verify")
@click.pass_obj
def verify(machine: Machine) -> int:
    """Hash every blob again; remove those that are not what their name says. Exit code 1 if there were any."""
    damaged = list(machine.cache.verify())
    for item in damaged:
        console.result(f"removed a damaged blob: sha256:{item.key}")
    console.say("every blob is what its name says" if not damaged else f"{len(damaged)} blobs were damaged")
    return int(bool(damaged))


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", text.strip(), re.IGNORECASE)
    if not match:
        raise click.BadParameter(f"{text!r} is not a size; write 20GB, 500MB or a number of bytes", param_hint="--keep")
    return int(float(match[1]) * _UNITS[match[2].upper()])
