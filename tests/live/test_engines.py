"""Every engine of this machine runs the same small service, and says the same about it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slimtorch.errors import ToolError
from slimtorch.host.engines import ENGINES, Command, Container, Property, interpreter
from slimtorch.host.engines.unshare import Unshare
from slimtorch.host.process import run
from slimtorch.probe.smoke import Probe
from tests.support.proofs import prove
from tests.support.roots import PORT, Root, clone, make_root, missing_parts, questions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from slimtorch.host.engines import Engine

pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(missing_parts()), reason=missing_parts())]
MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Root:
    return make_root(tmp_path_factory.mktemp("engines") / "root")


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.name)
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    if why := found.obstacle(run):
        pytest.skip(f"{found.name} cannot be used here: {why}")
    return found


@pytest.fixture(scope="module")
def load(root: Root) -> Iterator[Callable[[str], str]]:
    """Puts the root into an engine that keeps images, once."""
    loaded: dict[str, str] = {}

    def into(name: str) -> str:
        if name not in loaded:
            image = f"slimtorch-test-{uuid.uuid4().hex}:1"
            with subprocess.Popen(["tar", "-C", root.path, "-c", "."], stdout=subprocess.PIPE) as tar:
                run([name, "import", "-", image], stdin=tar.stdout, timeout=120).check()
            loaded[name] = image
        return loaded[name]

    yield into
    for name, image in loaded.items():
        run([name, "rmi", "--force", image], timeout=60)


def container(root: Root, code: str, image: str = "", **changes: object) -> Container:
    command = Command(("/usr/bin/python3.11", "-I", "-S", "-c", code), {"PATH": "/usr/bin:/bin", "MARK": "x y"})
    return Container(command, root.path, "/usr/bin/python3.11", image, **changes)  # type: ignore[arg-type]


def test_the_service_is_proved(engine: Engine, root: Root, load: Callable[[str], str]) -> None:
    proof = prove(root, Probe(questions(), modules=("demo", "json"), engine=engine.name, patience=20), load=load)
    assert [f for f in proof.findings if f.severity > 0] == []
    assert proof.engine == engine.name
    assert proof.answered == 20
    assert proof.load_seconds is not None
    assert 0.2 <= proof.load_seconds < 15
    assert 5 * MEGABYTE < proof.resident <= proof.peak + MEGABYTE < 200 * MEGABYTE
    assert proof.log == ("the service starts",)
    assert set(proof.unproven) == set(Property) - engine.proves


def test_standard_input_output_and_status_pass_through(engine: Engine, root: Root, load: Callable[[str], str]) -> None:
    image = load(engine.name) if engine.keeps_images else ""
    code = "import os,sys; data=sys.stdin.buffer.read(); print(len(data), os.environ['MARK']); sys.exit(3)"
    done = engine.execute(container(root, code, image), run, stdin=b"\0" * 3_000_000)
    assert (done.status, done.text) == (3, "3000000 x y\n")


def test_what_it_claims_to_isolate_is_isolated(engine: Engine, root: Root, load: Callable[[str], str]) -> None:
    if not engine.proves:
        pytest.skip("this engine claims nothing")
    code = """
import os, socket, sys
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print(os.getuid(), os.getgid(), status["CapEff"].strip(), status["NoNewPrivs"].strip(), len(os.listdir("/proc")) < 200)
for path in ("/etc/x", "/x", "/usr/x", "/tmp/x"):
    try:
        open(path, "w"); print(path, "written")
    except OSError as error:
        print(path, error.errno)
try:
    socket.create_connection(("192.0.2.1", 9), 1); print("connected")
except OSError as error:
    print("network", error.errno)
"""
    image = load(engine.name) if engine.keeps_images else ""
    done = engine.execute(container(root, code, image, uid=1234, gid=4321), run)
    first, *rest = done.check().text.splitlines()
    assert first == "1234 4321 0000000000000000 1 True"
    assert rest == ["/etc/x 30", "/x 30", "/usr/x 30", "/tmp/x written", "network 101"]


def test_a_run_that_takes_too_long_is_stopped(engine: Engine, root: Root, load: Callable[[str], str]) -> None:
    image = load(engine.name) if engine.keeps_images else ""
    mark = f"slimtorch-mark-{uuid.uuid4().hex}"
    code = f"import time; '{mark}'; print('on', flush=True); time.sleep(600)"
    with pytest.raises(ToolError, match="did not end within"):
        engine.execute(container(root, code, image), run, timeout=3)
    deadline = time.monotonic() + 30
    while (left := _running(mark)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("name", ["Bubblewrap", "Unshare"])
def test_nothing_outlives_slimtorch(root: Root, name: str, end: signal.Signals) -> None:
    if why := next(engine for engine in ENGINES if engine.name == name.lower()).obstacle(run):
        pytest.skip(f"{name} cannot be used here: {why}")
    mark = f"slimtorch-mark-{uuid.uuid4().hex}"
    script = f"""
from pathlib import Path
from slimtorch.host.engines.{name.lower()} import {name}
from slimtorch.host.engines.model import Command, Container
from slimtorch.host.process import run
argv = ("/usr/bin/python3.11", "-I", "-S", "-c", "import time; {mark!r}; time.sleep(600)")
{name}().execute(Container(Command(argv), Path({str(root.path)!r}), argv[0]), run)
"""
    with subprocess.Popen([sys.executable, "-c", script]) as started:
        try:
            _until(lambda: len(_running(mark)) > 2, 60)
        finally:
            started.send_signal(end)
    _until(lambda: not _running(mark), 30)


def _until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "this did not come in time"
        time.sleep(0.05)


def _running(mark: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


def test_the_root_is_left_as_it_was(engine: Engine, root: Root, load: Callable[[str], str]) -> None:
    before = sorted(str(path) for path in root.path.rglob("*"))
    image = load(engine.name) if engine.keeps_images else ""
    engine.execute(container(root, "print(1)", image, writable=("/tmp", "/cache", "/new")), run)
    assert sorted(str(path) for path in root.path.rglob("*")) == before


def test_a_link_in_the_image_does_not_lead_out_of_it(root: Root, tmp_path: Path) -> None:
    """A writable folder below a link to a path of this machine: nothing is made there."""
    if why := Unshare().obstacle(run):
        pytest.skip(f"namespaces cannot be used here: {why}")
    outside = tmp_path / "outside"
    outside.mkdir()
    own = clone(root, root.path.parent / "linked")
    (own.path / "way").symlink_to(outside)
    Unshare().execute(container(own, "print(1)", writable=("/tmp", "/way/made")), run)
    assert list(outside.iterdir()) == []
    own.config["Labels"]["io.slimtorch.writable"] = "/tmp,/cache,/way/made"
    prove(own, Probe(engine="unshare", patience=5, as_other_user=False))
    assert list(outside.iterdir()) == []


def test_an_ordinary_user_gets_a_proof_too(root: Root) -> None:
    """As somebody without privileges: namespaces where the kernel lets them, or the reason why not."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("becoming another user needs root and setpriv")
    for folder in root.path.parents:
        # Only pytest's own folders are opened, which are closed to other users.
        if "pytest-" in str(folder):
            folder.chmod(0o755)
    import slimtorch  # noqa: PLC0415

    source = root.path.parent / "source"
    shutil.copytree(Path(slimtorch.__file__).parent, source / "slimtorch", ignore=shutil.ignore_patterns("__pycache__"))
    script = f"""
import sys; sys.path.insert(0, {str(source)!r})
from pathlib import Path
from slimtorch.host.engines import interpreter
from slimtorch.host.engines.bubblewrap import Bubblewrap
from slimtorch.host.engines.unshare import Unshare
from slimtorch.host.engines.runc import Runc
from slimtorch.host.engines.model import Command, Container
from slimtorch.host.process import run
for engine in (Bubblewrap(), Unshare(), Runc()):
    why = engine.obstacle(run)
    if why:
        print(engine.name, "skipped:", why); continue
    argv = ("/usr/bin/python3.11", "-I", "-S", "-c", "import os; print(os.getuid(), os.access('/usr', os.W_OK))")
    command = Command(argv, {{"PATH": "/usr/bin"}})
    done = engine.execute(Container(command, Path({str(root.path)!r}), argv[0], uid=1000), run)
    print(engine.name, done.check().text, end="")
print(interpreter(Path({str(root.path)!r}), "/usr/bin/python3.11", run)(["-c", "print(7)"]).check().text)
"""
    argv = ["setpriv", "--reuid=54322", "--regid=54322", "--clear-groups", "/usr/bin/python3.11", "-I", "-c", script]
    lines = run(argv, env={"PATH": os.environ["PATH"], "HOME": "/tmp"}, timeout=60).check().text.splitlines()
    said = {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in lines if " " in line}
    for name in ("bubblewrap", "unshare"):
        assert said[name].startswith("skipped: ") or said[name] == "1000 False"
    assert said["runc"].startswith("skipped: it needs root")
    assert "7" in lines


def test_the_interpreter_for_the_build(root: Root) -> None:
    call = interpreter(root.path, "/usr/bin/python3.11", run)
    code = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1]); open('/usr/x', 'w')"
    done = call(["-s", "-S", "-c", code], b"abc")
    assert done.stdout == b"cba"
    assert "Read-only file system" in done.stderr
    hashes = {call(["-c", "print(hash('x'))"]).text for _ in range(2)}
    assert len(hashes) == 1


def test_two_services_on_one_port_do_not_meet(root: Root) -> None:
    """Each run has its own network, so that a port that is taken on this machine does not matter."""
    import socket  # noqa: PLC0415

    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", PORT))
        taken.listen()
        names = [engine.name for engine in ENGINES if Property.NETWORK in engine.proves and not engine.keeps_images]
        usable = [engine.name for engine in ENGINES if engine.name in names and not engine.obstacle(run)]
        if not usable:
            pytest.skip("no engine here isolates the network")
        proof = prove(root, Probe(questions(), engine=usable[0], patience=20, as_other_user=False))
        assert proof.answered == 20
        alone = prove(root, Probe(questions(), engine="loader", patience=20))
        assert "RUN636" in {finding.rule for finding in alone.findings}
