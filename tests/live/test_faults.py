"""Seeded faults: each must be found, by the rule that is meant for it."""

from __future__ import annotations

import pytest

from slimtorch.findings import Severity
from slimtorch.host.engines import ENGINES, Property
from slimtorch.host.process import run
from slimtorch.probe.smoke import Probe
from tests.support.elf import make_elf
from tests.support.proofs import inspect, prove, rules
from tests.support.roots import PORT, SERVE, Root, clone, make_root, missing_parts, questions

pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(missing_parts()), reason=missing_parts())]
PROBE = Probe(questions(), patience=3)


@pytest.fixture(scope="module", autouse=True)
def isolating() -> None:
    usable = [e for e in ENGINES if Property.USER in e.proves and not e.keeps_images and not e.obstacle(run)]
    if not usable:
        pytest.skip("no engine here isolates: install bubblewrap or runc")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Root:
    return make_root(tmp_path_factory.mktemp("faults") / "good")


@pytest.fixture
def root(good: Root, tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A copy to spoil, next to the good one."""
    return clone(good, tmp_path_factory.mktemp("faults") / "root")


def replace(root: Root, path: str, data: str | bytes, mode: int = 0o644) -> None:
    (root.path / path).unlink()
    root.write(path, data, mode)


def test_a_good_image_has_no_fault(good: Root) -> None:
    assert rules(inspect(good)) == set()
    assert rules(prove(good, PROBE).findings) == set()


def test_a_shell_script_of_the_distribution_is_a_remark(root: Root) -> None:
    root.write("usr/bin/c99-gcc", "#!/bin/sh\nexec gcc\n", 0o755)
    found = inspect(root)
    assert [(one.rule, one.severity) for one in found] == [("RUN604", Severity.INFO)]


def test_a_missing_soname(root: Root) -> None:
    root.distribution("seeded", {"seeded.cpython-311-x86_64-linux-gnu.so": make_elf(("libGL.so.1",))})
    found = inspect(root)
    assert rules(found) == {"RUN608"}
    assert "libGL.so.1" in found[0].message


def test_a_library_that_was_left_out_shows_when_it_is_imported(root: Root) -> None:
    next((root.path / "usr/lib/x86_64-linux-gnu").glob("libffi.so.*")).unlink()
    assert "RUN623" in rules(prove(root, Probe(modules=("ctypes",), patience=3)).findings)


def test_wrong_weights(root: Root) -> None:
    replace(root, "app/weights.json", "[0.5, -1.25, 3.001]")
    proof = prove(root, PROBE)
    assert "RUN626" in rules(proof.findings)
    assert proof.answered == 1  # the first question is all zeros


def test_root_user(root: Root) -> None:
    root.config["User"] = ""
    assert rules(inspect(root)) == {"RUN610"}
    assert rules(prove(root, PROBE).findings) == {"RUN628"}


def test_unwritable_cache(root: Root) -> None:
    root.config["Env"] = [item for item in root.config["Env"] if "HF_HOME" not in item] + ["HF_HOME=/opt/models"]
    found = prove(root, PROBE).findings
    assert {"RUN630", "RUN626"} <= rules(found)
    assert "HF_HOME=/opt/models" in next(f.message for f in found if f.rule == "RUN630")


def test_a_cache_folder_that_belongs_to_root(root: Root) -> None:
    (root.path / "cache").chmod(0o755)
    assert rules(inspect(root)) == {"RUN614"}


def test_bad_health_route(root: Root) -> None:
    root.config["Healthcheck"]["Test"][-1] = "/healthz"
    (finding,) = [f for f in prove(root, PROBE).findings if f.severity > 0]
    assert finding.rule == "RUN624"
    assert "/healthz" in finding.message
    assert "404" in finding.message
    assert "the service starts" in finding.message


def test_an_extension_of_another_abi(root: Root) -> None:
    root.distribution("seeded", {"seeded.cpython-312-x86_64-linux-gnu.so": make_elf()})
    assert rules(inspect(root)) == {"RUN605"}


def test_an_extension_for_another_processor(root: Root) -> None:
    root.distribution("seeded", {"seeded.abi3.so": make_elf(machine="aarch64")})
    assert rules(inspect(root)) == {"RUN605"}


def test_a_service_that_ends_at_once_shows_its_last_lines(root: Root) -> None:
    replace(root, "app/serve.py", "import sys\nprint('no model here', flush=True)\nsys.exit(9)\n")
    (finding,) = [f for f in prove(root, PROBE).findings if f.severity > 0]
    assert finding.rule == "RUN624"
    assert "exit status 9" in finding.message
    assert "no model here" in finding.message


def test_healthy_too_early(root: Root) -> None:
    early = SERVE.replace("200 if ready.is_set() else 503", "200").replace(
        "body = json", "\n        if not ready.is_set():\n            return self.answer(503, {})\n        body = json"
    )
    replace(root, "app/serve.py", early)
    root.config["Env"].append("LOAD=1.5")
    assert "RUN625" in rules(prove(root, PROBE).findings)


def test_a_service_that_takes_too_long_for_its_answers(root: Root) -> None:
    slow = SERVE.replace("        body = json", "        time.sleep(0.4)\n        body = json")
    replace(root, "app/serve.py", slow)
    proof = prove(root, Probe(questions(), patience=3, answering=1))
    found = {finding.rule: finding.message for finding in proof.findings}
    assert proof.engine
    assert rules(proof.findings) == {"RUN626", "RUN637"}  # the last answer was cut short
    assert "of 20 questions took 1 s" in found["RUN637"]
    assert "the service starts" in found["RUN637"]


def test_a_service_that_answers_nothing_is_not_tried_elsewhere(root: Root) -> None:
    hanging = SERVE.replace("        body = json", "        time.sleep(600)\n        body = json")
    replace(root, "app/serve.py", hanging)
    proof = prove(root, Probe(questions(1), patience=3, answering=1))
    assert rules(proof.findings) == {"RUN626", "RUN637"}
    assert not any(finding.rule == "RUN621" and proof.engine in finding.message for finding in proof.findings)
    assert proof.log == ("the service starts",)


def test_a_health_check_that_is_always_good(root: Root) -> None:
    root.config["Healthcheck"]["Test"] = ["CMD", "/usr/bin/python3.11", "-c", "pass"]
    assert "RUN632" in rules(prove(root, PROBE).findings)


def test_a_service_that_ignores_its_stop_signal(root: Root) -> None:
    ignoring = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SERVE}"
    replace(root, "app/serve.py", ignoring)
    proof = prove(root, Probe(questions(), patience=3, as_other_user=False))
    assert rules(proof.findings) == {"RUN633"}


def test_files_that_only_one_user_may_read(root: Root) -> None:
    replace(root, "app/weights.json", "[0.5, -1.25, 3.0]", 0o400)
    import os  # noqa: PLC0415

    if os.geteuid() != 0:
        pytest.skip("giving files to another user needs root")
    os.chown(root.path / "app/weights.json", 1000, 1000)
    assert rules(prove(root, PROBE).findings) == {"RUN634"}


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("opt/venv/bin/python", "RUN601"),
        ("opt/venv/lib/python3.11/site-packages/demo.py", "RUN607"),
        ("usr/lib/slimtorch/health.py", "RUN613"),
        ("cache", "RUN614"),
    ],
)
def test_a_part_that_is_gone(root: Root, path: str, rule: str) -> None:
    target = root.path / path
    target.rmdir() if target.is_dir() else target.unlink()
    assert rule in rules(inspect(root))


@pytest.mark.parametrize(
    ("path", "data", "rule"),
    [
        ("opt/venv/pyvenv.cfg", "home = /root/.pyenv/bin\nversion = 3.11.2\n", "RUN603"),
        ("opt/venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.12.1\n", "RUN603"),
        ("opt/venv/bin/serve", "#!/home/me/venv/bin/python\n", "RUN604"),
        ("opt/venv/lib/python3.11/site-packages/demo.py", "answer = 43\n", "RUN607"),
        ("opt/venv/lib/python3.11/site-packages/demo.py", "answer = 4\n", "RUN607"),
    ],
)
def test_a_part_that_was_changed(root: Root, path: str, data: str, rule: str) -> None:
    replace(root, path, data, 0o755)
    assert rules(inspect(root)) == {rule}


def test_other_things_that_do_not_fit(root: Root) -> None:
    (root.path / "opt/venv/lib/python3.12/site-packages").mkdir(parents=True)
    (root.path / "usr/lib/nowhere.so").symlink_to("/opt/gone.so")
    root.config["Cmd"] = ["sh", "-c", "python serve.py"]
    root.config["Labels"]["io.slimtorch.python"] = "3.13"
    assert rules(inspect(root)) == {"RUN602", "RUN606", "RUN611", "RUN612"}


def test_the_port_of_the_configuration_is_used(root: Root) -> None:
    root.config["Cmd"][-1] = str(PORT + 1)
    assert rules(prove(root, PROBE).findings) == {"RUN624"}
