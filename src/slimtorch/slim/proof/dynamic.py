"""The proof by running: what loaded, imported and computed before does so after, in the tree's own interpreter.

Called once everything is made and before anything is put in place or tagged::

    with clone.of(root, {"usr/lib/x.so": new_file, "opt/venv/…/tests/t.py": None}) as after:   # hard links, cheap
        ledger = dynamic.prove(ledger, subject, places.of_image(one), places.of_image(other), machine.run, job)

`ledger` is what was done (every changed or removed path is a `Saving`; removed: `after` 0), `subject` is the tree
*before*. For a folder: `place.of_folder(folder)` and `place.of_folder(clone, Path(first.python))`; where the first is
None, pass None and the ledger says so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from slimtorch.errors import ProofError, SlimtorchError
from slimtorch.probe import parity, place
from slimtorch.probe.session import Job
from slimtorch.slim.model import Note, Pass
from slimtorch.slim.proof import service, trials

if TYPE_CHECKING:
    from slimtorch.host.process import Run
    from slimtorch.probe.parity import Difference, Order, Outcome
    from slimtorch.probe.place import Place, Started
    from slimtorch.slim.model import Ledger, Saving, Subject

KERNELS = "kernels not run"
NO_INTERPRETER = "there is no interpreter beside the folder"


def prove(
    ledger: Ledger, subject: Subject, before: Place | None, after: Place | None, run: Run, job: Job | None = None
) -> Ledger:
    """The ledger with what running showed in the proofs of its savings and, summed up, in a note for the whole tree.

    Every changed library, and every other one that needs a changed or removed one, is loaded (RTLD_NOW, a process
    each); every top module is imported; where torch is there, its operator families are computed on the CPU. Places
    with a service are also started, healthy and asked with `job`: the same answers, byte for byte. Where the
    interpreter cannot be started on this machine the proofs say ``not run here: …`` and nothing is raised.

    Raises:
        ProofError: something that worked before does not work after, or gives something else.
    """
    if before is None or after is None:
        return _not_run(ledger, NO_INTERPRETER)
    order = trials.order(ledger, subject)
    try:
        started = place.start(before, run)
        was = parity.observe(before, started, order)
    except SlimtorchError as error:
        return _not_run(ledger, error.message.splitlines()[0])
    now = _after(after, order, run)
    differences = _repeatable(tuple(parity.differences(was, now)), before, started, was)
    failures = list(trials.failures(_telling(differences), ledger))
    compared = None
    if not failures and before.service and after.service and before.service.service.argv:
        compared = service.compare(before.service, after.service, job or Job(), run)
        failures += [("", "", text) for text in compared.failures]
    if failures:
        raise _error(failures)
    notes = [_summary(was, started, differences), *([compared.shown] if compared else [])]
    gone = trials.removed(ledger)
    savings = tuple(_proven(saving, was, gone) for saving in ledger.savings)
    return replace(ledger, savings=savings, notes=(*ledger.notes, *(Note("", text) for text in notes)))


def _after(after: Place, order: Order, run: Run) -> Outcome:
    """What happens after.

    Raises:
        ProofError: the interpreter, which started before, does not start or does not come to its end.
    """
    try:
        return parity.observe(after, place.start(after, run), order)
    except SlimtorchError as error:
        raise _error([("", "", f"the interpreter ran, and now: {error.message}")]) from None


def _repeatable(
    differences: tuple[Difference, ...], before: Place, started: Started, was: Outcome
) -> tuple[Difference, ...]:
    """The differences without numbers that are others each time, also before: computed once more to know."""
    if not any(difference.kind == "numbers" for difference in differences):
        return differences
    again = parity.observe(before, started, parity.Order())
    changing = {difference.name for difference in parity.differences(replace(again, numbers=was.numbers), again)}
    return tuple(found for found in differences if found.kind != "numbers" or found.name not in changing)


def _telling(differences: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """Without the numbers where torch itself does not import: that says it."""
    torch = any(found.kind == "imports" and found.name == "torch" for found in differences)
    return tuple(found for found in differences if found.kind != "numbers" or not torch)


def _error(failures: list[tuple[str, str, str]]) -> ProofError:
    lines = "".join(f"\n  {': '.join(filter(None, failure))}" for failure in failures)
    return ProofError(
        f"what was made does not work as before; nothing was written:{lines}",
        failures,
        hint="keep what it names with [slim] keep or --keep, or leave out the pass; please report it",
    )


def _not_run(ledger: Ledger, why: str) -> Ledger:
    text = f"not run here: {why}"
    savings = tuple(replace(saving, proof=(*saving.proof, text)) for saving in ledger.savings)
    return replace(ledger, savings=savings, notes=(*ledger.notes, Note("", text)))


def _proven(saving: Saving, was: Outcome, gone: dict[str, Pass]) -> Saving:
    if saving.path in gone:
        shown = "imports and numbers as before" if was.numbers else "imports as before"
    elif saving.path in was.libraries:
        failed = was.libraries[saving.path]
        shown = f"does not load here, before and after alike: {failed}" if failed else "loads"
    else:
        return saving
    kernels = f"; {KERNELS}" if saving.done_by is Pass.DEVICE_CODE else ""
    return replace(saving, proof=(*saving.proof, shown + kernels))


def _summary(was: Outcome, started: Started, given_up: tuple[Difference, ...]) -> str:
    lost = {kind: {found.name for found in given_up if found.kind == kind} for kind in ("imports", "numbers")}
    loaded = sum(not text for text in was.libraries.values())
    imported = sum(not text for text in was.imports.values()) - len(lost["imports"])
    alike = len(was.libraries) - loaded
    failing = f" ({alike} fail alike, before and after)" if alike else ""
    families = parity.computed(was) - len(lost["numbers"])
    numbers = f", {families} operator families give the same bytes on the CPU" if was.numbers else ""
    text = f"run in {started.engine}: {loaded} libraries load{failing}, {imported} modules import{numbers}"
    names = ", ".join(sorted(lost["imports"] | lost["numbers"]))
    text += f"; given up with what the service does not reach: {names}" if names else ""
    broken = [f"; {name} does not import, nor did it before: {why}" for name, why in was.imports.items() if why]
    return text + "".join(line for line in broken if line.split()[1] in trials.FRAMEWORKS)
