"""``slimtorch trace``: the record of a small service, and everything that may be wrong with what it is given."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.refusal import refused

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.shop import Done, Shop


def trace(shop: Shop, record: Path, *arguments: str | Path) -> Done:
    return shop("trace", shop.stock.references[0], "-o", record, *arguments)


def package(record: Path, name: str) -> dict[str, Any]:
    return next(one for one in json.loads(record.read_text())["packages"] if one["name"] == name)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trace") / "known.json"


@pytest.fixture
def record(shop: Shop, known: Path) -> Path:
    """A record of the service, made once."""
    if not known.exists():
        trace(shop, known, "--project", ".").ok()
    return known


def test_what_the_service_uses_is_recorded(record: Path) -> None:
    value = json.loads(record.read_text())
    assert [run["what"] for run in value["runs"]] == ["the probe with 20 held-out inputs", "odd input"]
    assert {run["method"].partition(",")[0] for run in value["runs"]} <= {"fanotify", "access times"}
    assert value["gpu"] is False
    words, seeds = package(record, "parrot-words"), package(record, "parrot-seeds")
    assert [path for path in words["opened"] if "__init__" in path]
    assert not [path for path in words["opened"] if "cli" in path]
    assert [path for path in seeds["opened"] if "parrot_seeds." in path]
    assert not [path for path in seeds["opened"] if "table.txt" in path]
    assert not [path for one in value["packages"] for path in one["opened"] if "slimtorch" in path]


def test_commands_are_run_and_earlier_records_merged(shop: Shop, record: Path, tmp_path: Path) -> None:
    code = "import parrot_words.cli; open(parrot_words.__path__[0] + '/../parrot_seeds_data/table.txt').read()"
    done = trace(shop, tmp_path / "t.json", "--run", f'python -c "{code}"', "--merge", record, "--format", "json").ok()
    assert done.json["record"] == str(tmp_path / "t.json")
    assert done.json["runs"][-1]["what"] == f"`{shlex.join(['python', '-c', code])}`"
    assert len(done.json["runs"]) == 5
    assert "parrot_seeds_data/table.txt" in package(tmp_path / "t.json", "parrot-seeds")["opened"]
    assert [path for path in package(tmp_path / "t.json", "parrot-words")["opened"] if "cli" in path]
    assert len(json.loads((tmp_path / "t.json").read_text())["images"]) == 1


def test_the_table_names_the_packages_and_fits_a_terminal(shop: Shop, tmp_path: Path) -> None:
    done = trace(shop, tmp_path / "t.json").ok()
    assert "used in 2 runs" in done.out
    assert done.out.splitlines()[-1] == str(tmp_path / "t.json")
    assert max(len(line) for line in done.out.splitlines()[:-1]) <= 100


def test_a_command_that_fails_is_a_finding_and_nothing_is_written(shop: Shop, tmp_path: Path) -> None:
    done = trace(shop, tmp_path / "t.json", "--run", "python -c 'raise SystemExit(7)'", "--run", "no-such-program")
    assert done.status == 1
    assert "TRC801" in done.out
    assert "exit status 7" in done.out
    assert "no-such-program" in done.out
    assert "was not written" in done.err
    assert not (tmp_path / "t.json").exists()


def test_a_wrong_answer_is_a_finding_and_what_was_there_stays(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("mine")
    wrong = [{"input": {"word": "a", "times": 1}, "output": {"said": "b"}}]
    shop.write("checks.json", json.dumps(wrong))
    done = trace(shop, tmp_path / "t.json", "--project", ".", "--format", "json")
    assert done.status == 1
    assert done.json["record"] is None
    assert any(finding["severity"] == "error" for finding in done.json["findings"])
    assert (tmp_path / "t.json").read_text() == "mine"


def test_a_service_that_never_gets_healthy(shop: Shop, tmp_path: Path) -> None:
    shop.change("serve.py", "ThreadingHTTPServer((", "raise SystemExit('no voice')\nThreadingHTTPServer((")
    reference = shop.build("-o", f"oci:{tmp_path}/image").ok().references[0]
    done = shop("trace", reference, "-o", tmp_path / "t.json", "--timeout", "20")
    assert done.status == 1
    assert "no voice" in done.out
    assert not (tmp_path / "t.json").exists()


@pytest.mark.parametrize("text", ["", "{", '{"slimtorch-trace": 9}', '{"slimtorch-trace": 1, "runs": 3}'])
def test_a_damaged_record_is_refused_before_anything_runs(shop: Shop, tmp_path: Path, text: str) -> None:
    (tmp_path / "old.json").write_text(text)
    refused(trace(shop, tmp_path / "t.json", "--merge", tmp_path / "old.json"), "old.json", hint="slimtorch trace")
    refused(trace(shop, tmp_path / "t.json", "--merge", tmp_path / "none.json"), "none.json", hint="slimtorch trace")


def test_options_that_cannot_be_understood(shop: Shop, tmp_path: Path) -> None:
    for arguments in (["--run", ""], ["--run", "python 'x"], ["--engine", "docker"], ["--timeout", "0"]):
        refused(trace(shop, tmp_path / "t.json", *arguments), arguments[0], hint="--help")
    refused(shop("trace", "oci:nowhere"), "nowhere")
    refused(trace(shop, tmp_path / "none/t.json"), "none", hint="nothing was changed")


def test_an_image_without_packages_or_command(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "empty/etc").mkdir(parents=True)
    refused(shop("trace", f"dir:{tmp_path}/empty"), "no Python packages")
    shop("copy", shop.stock.references[0], f"dir:{tmp_path}/root").ok()
    refused(shop("trace", f"dir:{tmp_path}/root", "-o", tmp_path / "t.json"), "has no command", hint="--run")
    only = shop("trace", f"dir:{tmp_path}/root", "-o", tmp_path / "t.json", "--run", "/opt/venv/bin/parrot").ok()
    assert "used in 1 run," in only.out
    assert [path for path in package(tmp_path / "t.json", "parrot-words")["opened"] if "cli" in path]
