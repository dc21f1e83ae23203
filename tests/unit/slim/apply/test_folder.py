from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ElfError, MachineError, ProofError
from slimtorch.host.progress import Silent
from slimtorch.project.model import Slim
from slimtorch.slim import ledger as ledgers
from slimtorch.slim import recipe
from slimtorch.slim import subject as subjects
from slimtorch.slim.apply import folder, journal, making
from slimtorch.slim.model import Policy, Proposal, Subject, Trim
from slimtorch.tables.gpus import find
from tests.support.installations import PLAIN, SITE, Installation, make_installation

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.slim.apply.folder import Prepared
    from slimtorch.slim.subject import Place

H100, V100 = find("h100"), find("v100")
assert H100
assert V100
POLICY = Policy(Slim(), (H100,))
CPU = f"{SITE}/torch/lib/libtorch_cpu.so"


class Work:
    """An installation on its way."""

    def __init__(self, made: Installation) -> None:
        self.made = made
        place = subjects.located(made.site)
        assert place
        self.place: Place = place
        self.subject: Subject = subjects.of_folder(place)
        self.proposal: Proposal = recipe.propose(self.subject, POLICY)

    def prepare(self) -> Prepared:
        return folder.prepare(self.place, self.subject, self.proposal, POLICY, Silent())

    @property
    def journal(self) -> Path:
        return self.made.site / subjects.JOURNAL


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(make_installation(tmp_path / "prefix"))


def test_preparing_changes_nothing(work: Work) -> None:
    before = work.made.files()
    prepared = work.prepare()
    assert {path: data for path, data in work.made.files().items() if subjects.JOURNAL not in path} == before
    assert ledgers.adds_up(prepared.ledger)
    changed = prepared.changed()
    assert changed[f"{SITE}/words/tests/test_words.py"] is None
    assert (new := changed[CPU]) is not None
    assert new.stat().st_size < len(PLAIN)
    folder.discard(prepared)
    assert work.made.files() == before


def test_every_new_file_has_a_name_of_its_own(work: Work) -> None:
    """RECORDs are numbered behind the libraries, also where a library came to nothing."""
    (work.made.site / "torch/lib/libtorch_cpu.so").write_bytes(PLAIN[:4] + b"\1" + PLAIN[5:])
    work.proposal = Proposal((*work.proposal.edits,))
    work.subject = subjects.of_folder(work.place)
    prepared = work.prepare()
    new = [one.new for one in prepared.plan.operations if one.new]
    assert len(set(new)) == len(new) == 3


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_file_that_changes_stops_everything(work: Work, when: str) -> None:
    file = work.made.prefix / CPU
    if when == "before":
        file.write_bytes(PLAIN + b"more")
        with pytest.raises(ProofError) as error:
            work.prepare()
    else:
        prepared = work.prepare()
        file.write_bytes(PLAIN)
        with pytest.raises(ProofError) as error:
            folder.put_in_place(prepared)
    assert (CPU, making.CHANGED) in {(path, text) for _, path, text in error.value.failures}
    assert not work.journal.exists()
    assert (work.made.site / "words/tests/test_words.py").exists()


def test_a_file_that_changes_while_it_is_read(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(source: object, edit: Trim) -> object:
        found = trim(source, edit)  # type: ignore[arg-type]
        with (work.made.prefix / edit.path).open("ab") as stream:
            stream.write(b"x")
        return found

    trim = making.trim
    monkeypatch.setattr(making, "trim", slow)
    with pytest.raises(ProofError, match="changed while it was read"):
        work.prepare()
    assert not work.journal.exists()


def test_a_failed_proof_stops_everything(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    before = work.made.files()
    monkeypatch.setattr(
        making.static, "complaints", lambda one, other, _: () if one is other else ("a symbol is gone",)
    )
    with pytest.raises(ProofError) as error:
        work.prepare()
    assert ("symbols", CPU, "a symbol is gone") in error.value.failures
    assert "--keep" in error.value.hint
    assert work.made.files() == before


def test_a_ledger_that_does_not_add_up_stops_everything(work: Work) -> None:
    before = work.made.files()
    prepared = work.prepare()
    (prepared.journal.new / prepared.plan.operations[0].new).write_bytes(b"short")
    with pytest.raises(ProofError, match="bytes are left"):
        folder.put_in_place(prepared)
    assert work.made.files() == before


def test_a_system_that_refuses_in_the_middle(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    before = work.made.files()
    prepared = work.prepare()
    real, calls = journal._second_name, []

    def refuse(path: Path, old: Path) -> None:
        calls.append(path)
        if len(calls) == 3:
            raise PermissionError(13, "Permission denied", str(path))
        real(path, old)

    monkeypatch.setattr(journal, "_second_name", refuse)
    with pytest.raises(MachineError, match="ermission denied"):
        folder.put_in_place(prepared)
    assert work.made.files() == before


def test_a_gpu_that_nothing_serves_is_refused_before_anything_is_touched(work: Work) -> None:
    before = work.made.files()
    assert V100
    edits = (Trim(f"{SITE}/torch/lib/libtorch_cuda.so", gpus=(V100,)),)
    work.proposal = Proposal(edits)
    with pytest.raises(ElfError, match="has no code for v100"):
        work.prepare()
    assert work.made.files() == before
