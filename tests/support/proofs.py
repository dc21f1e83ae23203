"""Proving a root of tests.support.roots as the flow does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slimtorch.host.process import run
from slimtorch.inventory import files, service
from slimtorch.probe import access, environment, smoke, static
from slimtorch.probe.session import Subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from slimtorch.findings import Finding
    from tests.support.roots import Root


def prove(root: Root, probe: smoke.Probe, *, load: Callable[[str], str] | None = None) -> smoke.Proof:
    """What running the root shows."""
    found, wanted = files.of_directory(root.path, owners=True), service.of_settings(root.settings)
    python, ids = environment.interpreter(found, wanted), access.user(found, wanted)
    assert python is not None
    assert ids is not None
    return smoke.prove(Subject(root.path, wanted, python, ids), probe, run, load)


def inspect(root: Root) -> list[Finding]:
    """What the root's files say."""
    return static.inspect(files.of_directory(root.path, owners=True), service.of_settings(root.settings))


def rules(findings: list[Finding] | tuple[Finding, ...]) -> set[str]:
    """The rules that were broken, without remarks."""
    return {finding.rule for finding in findings if finding.severity > 0}
