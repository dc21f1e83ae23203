"""The driver on its own, with small services that do not behave."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from typing import Any

import pytest

from slimtorch.probe.report import Report, parse

PORT = 18474
SERVE = """
import socket, time
print("on", flush=True)
server = socket.create_server(("127.0.0.1", %d))
while True:
    connection, _ = server.accept()
    request = connection.recv(1000)
    if not request:
        continue
    connection.sendall(b"HTTP/1.1 200 OK\\r\\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)
"""


def drive(code: str, **changes: Any) -> Report:
    job = {
        "argv": [sys.executable, "-c", code],
        "workdir": "/",
        "python": [sys.executable],
        "port": PORT,
        "health": [],
        "health_timeout": 1,
        "patience": 5,
        "questions": [1, 2],
        "question_path": "/predict",
        "answer_timeout": 1,
        "answering": 1,
        "seconds": 3,
        "imports": [],
        "writable": [],
        "sealed": [],
        "stop_signal": 15,
        "stop_patience": 1,
        **changes,
    }
    script = files("slimtorch.probe.in_image").joinpath("driver.py").read_text(encoding="utf-8")
    argv = [sys.executable, "-I", "-S", "-c", script]
    done = subprocess.run(argv, input=json.dumps(job).encode(), capture_output=True, timeout=30, check=True)
    return parse(done.stdout)


def test_a_service_that_sends_a_byte_now_and_then_does_not_go_on_for_ever() -> None:
    found = drive(SERVE % PORT)
    assert found.overdue == "the run was stopped after 3 s"
    assert found.log == ("on",)
    assert found.load_seconds is not None


def test_a_service_that_ends_at_once() -> None:
    found = drive("print('bye'); raise SystemExit(4)")
    assert (found.exit, found.log, found.overdue, found.load_seconds) == (4, ("bye",), "", None)


@pytest.mark.parametrize("number", [15, 37])
def test_a_stop_signal_by_its_number(number: int) -> None:
    found = drive("import time; time.sleep(60)", port=0, questions=[], stop_signal=number)
    assert found.stop_seconds is not None
    assert found.stop_status == -number
