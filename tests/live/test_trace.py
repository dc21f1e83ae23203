"""Every engine whose files can be watched sees the same, by both methods; and what goes by the record is not missed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import MachineError
from slimtorch.host.engines import ENGINES
from slimtorch.host.process import run
from slimtorch.inventory import files, service
from slimtorch.probe import access, environment, tracing
from slimtorch.probe.session import Subject
from slimtorch.probe.smoke import Probe
from slimtorch.project.model import Slim
from slimtorch.slim import subject as subjects
from slimtorch.slim import trace as traces
from slimtorch.slim import trace_file
from slimtorch.slim.model import Drop, Policy
from slimtorch.slim.passes import traced
from tests.support.proofs import prove, rules
from tests.support.roots import Root, clone, make_root, missing_parts, questions

if TYPE_CHECKING:
    from slimtorch.host.engines import Engine
    from slimtorch.probe.tracing import Watched

pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(missing_parts()), reason=missing_parts())]
SITE = "opt/venv/lib/python3.11/site-packages"
USED = {
    "used/__init__.py": b"import importlib, os\nfrom used import core\nplugin = importlib.import_module('plugged')\n"
    b"assert os.path.exists(os.path.join(os.path.dirname(__file__), 'bin', 'manager'))\n",
    "used/core.py": b"import pathlib\nTEXT = (pathlib.Path(__file__).parent / 'data.txt').read_text()\n",
    "used/data.txt": b"weights",
    "used/beside.txt": b"data beside modules that are used",
    "used/error.py": b"class Refused(Exception): pass\n",
    "used/rare.py": b"",
    "used/never.py": b"1",
    "used/training/__init__.py": b"2",
    "used/training/table.bin": b"3",
    "used/bin/manager": b"#!/bin/sh\n",
}
OTHERS = {"plugged": {"plugged.py": b"x = 1\n"}, "forgotten": {"forgotten/__init__.py": b"4", "forgotten/a.py": b"5"}}
PROC = Path("/proc/self/attr")
STARTS = "import used\nfrom used.core import TEXT\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """The small service, with packages of which it uses a part."""
    made = make_root(tmp_path_factory.mktemp("traced") / "root")
    for name, contents in {"used": USED, **OTHERS}.items():
        made.distribution(name, contents)
    served = (made.path / "app/serve.py").read_text()
    refuse = "        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))\n"
    said = served.replace('        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))\n', refuse)
    assert said != served
    late = refuse + "        if not isinstance(body, dict) or 'x' not in body:\n            import used.error\n"
    made.write("app/serve.py", STARTS + said.replace(refuse, late))
    return made


def watched(root: Root, engine: str, method: str, *commands: tuple[str, ...]) -> Watched:
    found, wanted = files.of_directory(root.path, owners=True), service.of_settings(root.settings)
    python, ids = environment.interpreter(found, wanted), access.user(found, wanted)
    assert python is not None
    assert ids is not None
    probe = Probe(questions(), modules=("demo",), engine=engine, patience=30)
    plan = tracing.Plan(probe, commands, method)
    return tracing.watch(Subject(root.path, wanted, python, ids), plan, run)


def inside(found: frozenset[str]) -> set[str]:
    names = (path.removeprefix(f"{SITE}/") for path in found if path.startswith(f"{SITE}/"))
    # On a root that is not sealed, a user who owns the files also leaves bytecode.
    return {name for name in names if not any(word in name for word in ("slimtorch", "dist-info", "__pycache__"))}


@pytest.fixture(params=[one for one in ENGINES if not one.keeps_images], ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    if why := found.obstacle(run):
        pytest.skip(f"{found.name} cannot be used here: {why}")
    return found


@pytest.mark.parametrize("method", ["fanotify", "atime"])
def test_every_engine_and_both_methods_see_the_same(engine: Engine, method: str, root: Root, tmp_path: Path) -> None:
    mine = clone(root, tmp_path / "root")
    try:
        seen = watched(mine, engine.name, method, ("python", "-c", "import used.rare"))
    except MachineError as error:
        if error.message.startswith("which files"):
            pytest.skip(f"{method} cannot be used here: {error.message}")
        raise
    assert [finding.message for finding in seen.findings if finding.severity > 1] == []
    assert seen.engine == engine.name
    assert seen.runs == ("the probe with 20 held-out inputs", "odd input", "`python -c 'import used.rare'`")
    opened = inside(seen.opened) - {"used/rare.py"}  # empty: a read of nothing may count or not
    assert opened == {"demo.py", "plugged.py", "used/__init__.py", "used/core.py", "used/data.txt", "used/error.py"}
    if engine.name != "loader":  # which finds packages by PYTHONPATH, and so starts no .pth file
        assert "used/bin/manager" in inside(seen.asked_for)
        assert {"used", "used.core", "used.error", "used.rare", "plugged"} <= set(seen.imports)
        assert (seen.imports["plugged"], seen.imports["used.core"]) == ("used", "used")
    assert not list(mine.path.rglob("*slimtorch_tracer*"))


def test_without_what_was_never_touched_the_service_answers_the_same(root: Root, tmp_path: Path) -> None:
    seen = watched(clone(root, tmp_path / "root"), "", "")
    place = subjects.located(root.path)
    assert place is not None
    subject = subjects.of_folder(place)
    owned = traces.owned(subject.files, subject.sites, subject.owners)
    used = traces.packages(subject.files, owned, seen.opened, seen.asked_for, seen.imports)
    record = tmp_path / "trace.json"
    runs = tuple(traces.Run(what, seen.method, seen.engine) for what in seen.runs)
    record.write_bytes(trace_file.dump(traces.Trace(("sha256:0",), runs, used)))
    proposed = traced.propose(subject, Policy(Slim(traced=record)))
    drops = {one.path.removeprefix(f"{SITE}/"): one.rule for one in proposed if isinstance(one, Drop)}
    if seen.imports:  # else nothing that Python looks for was seen
        assert drops == {
            "used/never.py": "module",
            "used/training/__init__.py": "folder",
            "used/training/table.bin": "folder",
            "forgotten/__init__.py": "package",
            "forgotten/a.py": "package",
        }
    slim = clone(root, tmp_path / "slim")
    for path in drops:
        (slim.path / SITE / path).unlink()
    proof = prove(slim, Probe(questions(), modules=("demo", "used"), patience=30))
    assert proof.answered == 20
    # RECORD still lists what went; that is for whoever carries the edits out.
    assert rules(proof.findings) <= {"RUN607"}


def test_no_engine(root: Root, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="no engine on this machine could start the image"):
        watched(clone(root, tmp_path / "root"), "docker", "")


def test_nothing_that_can_watch() -> None:
    with (
        pytest.raises(MachineError, match=r"cannot be seen on this machine: .*; ") as caught,
        tracing._entered(PROC, tracing.METHODS[""]),
    ):
        pass
    assert "--cache-dir" in caught.value.hint
