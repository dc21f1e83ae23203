from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimtorch.image.tree import Kind
from slimtorch.inventory.files import Files, Node
from slimtorch.inventory.service import Service, of_settings, signal_name
from slimtorch.probe.access import user

ODD = ("9" * 5000, "\ud800", "a\0b", "/../..", "5" * 11, 10**400, "SIGRTMIN+99", "99999:5000", "-1")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=8) | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
KEYS = ("Env", "Cmd", "Entrypoint", "ExposedPorts", "Healthcheck", "StopSignal", "Labels", "User", "WorkingDir")


def test_reads_the_configuration() -> None:
    found = of_settings(
        {
            "architecture": "amd64",
            "config": {
                "Entrypoint": ["/usr/bin/env"],
                "Cmd": ["python", "serve.py"],
                "Env": ["PATH=/opt/venv/bin", "HF_HOME=/cache/hf", "ODD=a=b"],
                "ExposedPorts": {"9000/udp": {}, "8000/tcp": {}, "8443": {}},
                "Healthcheck": {"Test": ["CMD", "/probe", "x"], "Timeout": 3_000_000_000},
                "StopSignal": "SIGINT",
                "User": "app",
                "WorkingDir": "/app",
                "Labels": {"io.slimtorch.writable": "/tmp,/cache,relative"},
            },
        }
    )
    assert found.argv == ("/usr/bin/env", "python", "serve.py")
    assert found.env == {"PATH": "/opt/venv/bin", "HF_HOME": "/cache/hf", "ODD": "a=b"}
    assert (found.port, found.health, found.health_timeout) == (8000, ("/probe", "x"), 3)
    assert (found.stop_signal, found.user, found.workdir, found.architecture) == (signal.SIGINT, "app", "/app", "amd64")
    assert found.writable == ("/tmp", "/cache")
    assert found.caches == ("/tmp", "/cache", "/cache/hf")


@pytest.mark.parametrize(
    ("test", "argv"), [(["NONE"], ()), (["CMD-SHELL", "curl x"], ("/bin/sh", "-c", "curl x")), ([], ())]
)
def test_forms_of_health_checks(test: list[str], argv: tuple[str, ...]) -> None:
    assert of_settings({"config": {"Healthcheck": {"Test": test}}}).health == argv


@given(st.dictionaries(st.sampled_from(KEYS), JSON) | JSON)
def test_anything_else_counts_as_absent(config: object) -> None:
    found = of_settings({"config": config})
    words = [*found.argv, *found.health, *found.env, *found.env.values(), found.workdir, found.user, *found.writable]
    assert all("\0" not in word and word.encode() is not None for word in words)
    assert 0 < found.stop_signal < signal.NSIG
    assert signal_name(found.stop_signal)
    assert 0 < found.health_timeout <= 600
    assert 0 <= found.port < 1 << 16
    user(Files({}), found)


@pytest.mark.parametrize("text", ["/../etc", "/", "/proc/x", "/dev", "//etc/..", "relative"])
def test_what_must_not_be_mounted_over_is_not_writable(text: str) -> None:
    assert of_settings({"config": {"Labels": {"io.slimtorch.writable": f"{text},/cache/"}}}).writable == (
        "/tmp",
        "/cache",
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("37", "SIGRTMIN+3"),
        ("SIGRTMIN+3", "SIGRTMIN+3"),
        ("RTMAX-1", f"SIGRTMIN+{signal.SIGRTMAX - 1 - signal.SIGRTMIN}"),
        ("SIGRTMAX", "SIGRTMAX"),
        ("HUP", "SIGHUP"),
        ("2", "SIGINT"),
        ("33", "signal 33"),
        ("0", "SIGTERM"),
        ("65", "SIGTERM"),
        ("9" * 5000, "SIGTERM"),
    ],
)
def test_stop_signals_by_name_and_number(text: str, name: str) -> None:
    assert signal_name(of_settings({"config": {"StopSignal": text}}).stop_signal) == name


@pytest.mark.parametrize(
    ("named", "ids"),
    [
        ("", (0, 0)),
        ("app", (1000, 1001)),
        ("1000", (1000, 1001)),
        ("77", (77, 0)),
        ("77:88", (77, 88)),
        ("app:staff", (1000, 50)),
        ("nobody-here", None),
        ("app:nothing", None),
        ("9" * 5000, None),
        ("4294967295", None),
        ("0001000", (1000, 1001)),
        ("app:" + "9" * 5000, None),
    ],
)
def test_who_the_user_is(named: str, ids: tuple[int, int] | None) -> None:
    import io  # noqa: PLC0415

    def node(text: str) -> Node:
        return Node(Kind.FILE, 0o644, len(text), open=lambda: io.BytesIO(text.encode()))

    users = (
        "root:x:0:0::/root:/bin/sh\nbroken:x:q\nhuge:x:"
        + "7" * 5000
        + ":1::/:\napp:x:1000:1001::/home/app:/bin/false\n"
    )
    groups = "root:x:0:\nstaff:x:50:app\n"
    files = Files({"etc": Node(Kind.DIRECTORY, 0o755), "etc/passwd": node(users), "etc/group": node(groups)})
    assert user(files, Service((), {}, user=named)) == ids
