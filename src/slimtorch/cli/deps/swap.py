"""``slimtorch deps swap``: what could go for something smaller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slimtorch.cli import console, options
from slimtorch.deps.swap.proposals import TO_CPU, Action
from slimtorch.flows.deps import swap as flow
from slimtorch.flows.packages import PackageSources
from slimtorch.project.sizes import written

if TYPE_CHECKING:
    from slimtorch.flows.deps.swap import Offer, Offered
    from slimtorch.host.machine import Machine

_SAVES = "saves, unpacked"


@click.command("swap", short_help="Propose smaller twins, with what each saves.")
@options.project
@click.option("--apply", multiple=True, metavar="NAME", help="Take the proposal for NAME (may be given several times).")
@options.package_sources
@options.format_
@click.pass_obj
def command(
    machine: Machine,
    /,
    project: Path,
    apply: tuple[str, ...],
    format_: str,
    **sources: Any,  # noqa: ANN401  (the shared options)
) -> None:
    """Propose swaps for PROJECT: a smaller twin, a CPU build, a copy less; each with its evidence and its savings.

    Savings are measured by resolving the requirements with and without the swap. Nothing is changed without --apply.
    """
    offered = flow.offer(flow.Request(project, PackageSources(**sources), apply), machine)
    if format_ == "json":
        flow.write(offered.changes)
        console.result_json(_json(offered))
        return
    if not offered.offers:
        console.say("no swap is proposed")
        return
    console.table(_table(offered), to_stdout=True)
    _explain(offered)
    for change in offered.changes:
        console.diff(change.diff)
    for path in flow.write(offered.changes):
        console.result(str(path))
    if not apply:
        takeable = [one.proposal.remove for one in offered.offers if _takeable(one)]
        options_ = " ".join(f"--apply {name}" for name in takeable)
        console.say(
            f"nothing was changed; to take {'it' if len(takeable) == 1 else 'them'}: {options_}"
            if options_
            else "nothing was changed"
        )


def _explain(offered: Offered) -> None:
    """Says what the table leaves open: savings that are not known, and proposals that --apply cannot take."""
    unknown = dict.fromkeys(one.unknown for one in offered.offers if one.unknown)
    for reason in unknown:
        console.say(f"? : {reason}")
    for one in offered.offers:
        if one.proposal.action is Action.CPU:
            console.say(f"to take {one.proposal.remove}: {TO_CPU}")


def _takeable(one: Offer) -> bool:
    return one.proposal.action in {Action.REPLACE, Action.REMOVE}


def _table(offered: Offered) -> console.Table:
    rows = [
        (
            one.proposal.remove,
            _instead(one),
            _saves(one),
            f"{one.proposal.why}: {one.proposal.evidence}",
        )
        for one in offered.offers
    ]
    return console.Table(("remove", "instead", _SAVES, "why"), rows, frozenset({_SAVES}))


def _instead(one: Offer) -> str:
    if one.proposal.action is Action.CPU:
        return 'CPU torch: device = "cpu" below [torch] in slimtorch.toml'
    return " + ".join(one.proposal.add) or ("(by hand)" if one.proposal.action is Action.BY_HAND else "(nothing)")


def _saves(one: Offer) -> str:
    return written(one.saving.unpacked) if one.saving else "?"


def _json(offered: Offered) -> dict[str, Any]:
    return {
        "swaps": [
            {
                "remove": one.proposal.remove,
                "add": list(one.proposal.add),
                "action": str(one.proposal.action),
                "why": one.proposal.why,
                "evidence": one.proposal.evidence,
                "declared": [{"path": place.path, "line": place.line} for place in one.proposal.locations],
                "saves": {"packed": one.saving.packed, "unpacked": one.saving.unpacked} if one.saving else None,
                "unknown": one.unknown,
            }
            for one in offered.offers
        ],
        "changed": [{"path": str(change.path), "diff": change.diff} for change in offered.changes],
    }
