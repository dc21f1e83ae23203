"""A proposal on the tree of an image: what is new is made beside, RECORD is true, and every byte is in the ledger."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ElfError, ProofError
from slimtorch.host.progress import Silent
from slimtorch.image.opened import below, traced, unpacked
from slimtorch.image.tree import Kind
from slimtorch.project.model import Slim
from slimtorch.slim import ledger as ledgers
from slimtorch.slim import recipe
from slimtorch.slim import subject as subjects
from slimtorch.slim.apply import making, tree
from slimtorch.slim.model import Drop, Pass, Policy, Proposal, Trim
from slimtorch.tables.gpus import find
from tests.support.images import make_layer, make_tree
from tests.support.installations import SITE, Installation, make_installation

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.slim.apply.tree import Applied, Source

H100 = find("h100")
assert H100
SAFE = Policy(Slim())
PRUNING = Policy(Slim(), (H100,))
LIB = f"{SITE}/torch/lib"


def source_of(tmp_path: Path, more: dict[str, bytes | str] | None = None) -> Source:
    """The small installation as the tree of an image, read from a folder."""
    files: dict[str, bytes | str] = {}
    for path, data in make_installation(tmp_path / "prefix").files().items():
        files[path] = data.decode() if data.startswith(b"-> ") else data
    for name in ("root", "new"):
        (tmp_path / name).mkdir()
    opened = unpacked([make_layer(make_tree({**files, **(more or {})}))], tmp_path / "root")
    seen = traced([[standing.entry for standing in one.standings] for one in opened]).tree
    found = below(seen, tmp_path / "root")
    return tree.Source(found, subjects.of_tree(found), tmp_path / "root", tmp_path / "new")


def applied(source: Source, policy: Policy = PRUNING, proposal: Proposal | None = None) -> Applied:
    return tree.apply(source, policy, proposal or recipe.propose(source.subject, policy), Silent())


def laid(result: Applied, folder: Path) -> Installation:
    """The result as an installation on the disk."""
    for path, entry in result.tree.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.kind is Kind.SYMLINK:
            target.symlink_to(entry.link)
        elif entry.kind is Kind.HARDLINK:
            target.hardlink_to(folder / entry.link)
        elif entry.content is not None:
            with entry.content.open() as stream:
                target.write_bytes(stream.read())
    return Installation(folder)


def test_everything_that_goes_is_in_the_ledger_and_every_record_is_true(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    result = applied(source)
    assert {saving.done_by for saving in result.ledger.savings} >= {Pass.SYMBOLS, Pass.DEVICE_CODE, Pass.PATHS}
    assert ledgers.adds_up(result.ledger)
    assert result.ledger.after == result.tree.size < source.tree.size == result.ledger.before
    assert laid(result, tmp_path / "laid").wrong_rows() == []


def test_untouched_entries_are_the_very_same(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    result = applied(source)
    kept = [path for path in result.tree if path not in result.changed]
    assert kept
    assert all(result.tree[path] is source.tree[path] for path in kept)


def test_folders_that_are_emptied_go_and_empty_ones_stay(tmp_path: Path) -> None:
    source = source_of(tmp_path, {"mnt/nothing": "/"})
    drops = tuple(Drop(path, Pass.PATHS, "a test") for path in source.tree if "/words/tests/" in path)
    result = applied(source, SAFE, Proposal(drops))
    assert drops
    assert f"{SITE}/words" in result.tree
    assert f"{SITE}/words/tests" not in result.tree
    assert "mnt/nothing" in result.tree


def test_a_file_stays_for_as_long_as_another_name_of_it_does(tmp_path: Path) -> None:
    source = source_of(tmp_path, {"lib/one": b"data", "lib/two": "= lib/one"})
    one, two = (Drop(f"lib/{name}", Pass.PATHS, "") for name in ("one", "two"))
    held = applied(source, SAFE, Proposal((one,)))
    assert "lib/one" in held.tree
    assert [note.path for note in held.ledger.notes] == ["lib/one"]
    assert not held.changed
    assert sorted(applied(source, SAFE, Proposal((one, two))).changed) == ["lib/one", "lib/two"]
    assert sorted(applied(source, SAFE, Proposal((two,))).changed) == ["lib/two"]


def test_a_library_with_two_names_is_made_once_for_both(tmp_path: Path) -> None:
    other = f"{SITE}/torch/lib/other.so"
    source = source_of(tmp_path, {other: f"= {LIB}/libtorch_cuda.so"})
    result = applied(source)
    assert result.changed[other] == result.changed[f"{LIB}/libtorch_cuda.so"]
    assert result.tree[other].link == f"{LIB}/libtorch_cuda.so"
    assert ledgers.adds_up(result.ledger)
    assert laid(result, tmp_path / "laid").wrong_rows() == []


def test_what_cannot_be_proven_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_of(tmp_path)
    monkeypatch.setattr(
        making.static, "complaints", lambda one, other, _: () if one is other else ("a symbol is gone",)
    )
    with pytest.raises(ProofError) as caught:
        applied(source)
    assert {path for _, path, _ in caught.value.failures} >= {f"{LIB}/libtorch_cuda.so"}


def test_a_gpu_that_a_library_has_no_code_for_is_refused(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    gpu = find("b200")
    assert gpu
    with pytest.raises(ElfError, match=r"libtorch_cuda\.so"):
        applied(source, Policy(Slim(), (gpu,)))


def test_a_file_that_changed_since_it_was_unpacked_is_noticed(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    (tmp_path / "root" / LIB / "libplain.so").unlink(missing_ok=True)
    path = f"{LIB}/libtorch_cpu.so"
    (tmp_path / "root" / path).write_bytes(b"\x7fELF")
    with pytest.raises(ProofError, match="changed while it was read"):
        applied(source, SAFE, Proposal((Trim(path, bare=True),)))


def test_nothing_to_do_changes_nothing(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    result = applied(source, SAFE, Proposal())
    assert not result.changed
    assert result.tree.keys() == source.tree.keys()
    assert replace(result.ledger, before=0, after=0).savings == ()
