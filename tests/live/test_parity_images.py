"""The proof by running on image roots: in every engine that runs one, with a service that is asked before and after."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ProofError
from slimtorch.host.engines import ENGINES
from slimtorch.host.process import run
from slimtorch.inventory import service
from slimtorch.inventory.files import of_directory
from slimtorch.probe import access, environment, parity, place
from slimtorch.probe.session import Job
from slimtorch.probe.session import Subject as Started
from slimtorch.slim.model import Ledger, Pass, Saving, Subject
from slimtorch.slim.proof import clone, dynamic
from tests.support.roots import Root, make_root, missing_parts, questions

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.probe.place import Place

pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(missing_parts()), reason=missing_parts())]
SITE = "opt/venv/lib/python3.11/site-packages"
DEMO = f"{SITE}/demo.py"
JOB = Job([question.input for question in questions(3)])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Root:
    made = make_root(tmp_path_factory.mktemp("parity") / "root")
    made.write(f"{SITE}/broken.so", b"no library")
    return made


def place_of(root: Root, path: Path) -> Place:
    files, wanted = of_directory(path, owners=os.geteuid() == 0), service.of_settings(root.settings)
    python, ids = environment.interpreter(files, wanted), access.user(files, wanted)
    assert python is not None
    assert ids is not None
    return place.of_image(Started(path, wanted, python, ids))


def prove(root: Root, changed: dict[str, Path | None], *savings: Saving, job: Job | None = None) -> Ledger:
    subject = Subject(of_directory(root.path, owners=False), (SITE,), {}, {})
    with clone.of(root.path, changed) as made:
        before, after = place_of(root, root.path), place_of(root, made)
        return dynamic.prove(Ledger("safe", (), 0, 0, savings), subject, before, after, run, job)


@pytest.mark.parametrize("engine", [engine for engine in ENGINES if not engine.keeps_images], ids=lambda e: e.name)
def test_each_engine_sees_the_same(root: Root, engine: object) -> None:
    if why := engine.obstacle(run):  # type: ignore[attr-defined]
        pytest.skip(f"{engine.name}: {why}")  # type: ignore[attr-defined]
    here = replace(place_of(root, root.path), service=None)
    started = place.start(here, run, [engine])  # type: ignore[list-item]
    found = parity.observe(here, started, parity.Order((f"{SITE}/broken.so",), ("demo", "nothing")))
    assert found.libraries == {f"{SITE}/broken.so": f"{SITE}/broken.so: file too short"}
    assert found.imports == {"demo": "", "nothing": "ModuleNotFoundError: No module named 'nothing'"}


def test_the_same_tree_with_its_service(root: Root) -> None:
    proven = prove(root, {f"{SITE}/broken.so": None}, Saving(Pass.PATHS, f"{SITE}/broken.so", "", 1, 0, ""), job=JOB)
    assert proven.savings[0].proof == ("imports as before",)
    assert [note.text.partition(" in ")[0] for note in proven.notes] == ["run", "the service gets healthy"]
    assert proven.notes[1].text.endswith("and gives the same 3 answers")


def test_another_answer_is_found(root: Root, tmp_path: Path) -> None:
    other = tmp_path / "weights.json"
    other.write_text("[0.5, -1.25, 3.0000000001]")
    with pytest.raises(ProofError, match=r"answer 2 was 200 .* and now 200") as caught:
        prove(root, {"app/weights.json": other}, job=JOB)
    assert len(caught.value.failures) == 2  # the first input is all zeros


def test_a_service_that_does_not_start_any_more(root: Root) -> None:
    with pytest.raises(ProofError, match="the service got healthy, and now: the service ended with exit status 1"):
        prove(root, {"app/weights.json": None}, job=JOB)


def test_answers_that_differ_from_run_to_run_are_no_witness(root: Root, tmp_path: Path) -> None:
    changing = make_root(tmp_path / "root")
    text = (root.path / "app/serve.py").read_text().replace('"extra": 1', '"extra": time.time()')
    changing.write("app/serve.py", text)
    proven = prove(changing, {}, job=JOB)
    assert proven.notes[1].text.endswith("; 3 answers differ from run to run, also before")
    shutil.rmtree(changing.path)


def test_an_image_without_its_interpreter(root: Root) -> None:
    missing = replace(place_of(root, root.path), python="/usr/bin/no-python", service=None)
    proven = dynamic.prove(Ledger("safe", (), 0, 0, ()), Subject({}, (), {}, {}), missing, missing, run)  # type: ignore[arg-type]
    assert proven.notes[0].text.startswith("not run here: /usr/bin/no-python cannot be started on this machine")
