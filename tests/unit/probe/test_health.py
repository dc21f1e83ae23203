"""The health check as the container runs it: a process of its own, without site-packages."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import slimtorch.probe.in_image

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(slimtorch.probe.in_image.__file__).with_name("health.py")


@contextmanager
def answering(answer: bytes | None) -> Iterator[tuple[int, list[bytes]]]:
    """A server that gives one answer, or none at all."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        done = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(4096))
                if answer is None:
                    done.wait(10)
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], asked
        finally:
            done.set()
            thread.join(10)


def health(*args: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    argv = [sys.executable, "-I", "-S", str(SCRIPT), *args]
    done = subprocess.run(
        argv, check=False, capture_output=True, text=True, timeout=20, env={**os.environ, **(env or {})}
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize("line", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 204 No Content\r\n\r\n", b"HTTP/1.1 299 \n"])
def test_good(line: bytes) -> None:
    with answering(line) as (port, asked):
        status, said = health("--port", str(port), "--path", "/ready?x=1")
    assert status == 0
    assert said.startswith(f"healthy: /ready?x=1 on port {port}")
    assert asked[0].startswith(b"GET /ready?x=1 HTTP/1.1\r\nHost: 127.0.0.1:")


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/1.1 503 Service Unavailable\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\n",
        b"",
        b"200\r\n",
        b"SSH-2.0 200 x\r\n",
        b"HTTP/1.1 2\r\n",
    ],
)
def test_bad(line: bytes) -> None:
    with answering(line) as (port, _):
        status, said = health("--port", str(port))
    assert status == 1
    assert said.startswith("unhealthy: /health")


def test_the_port_of_the_environment_counts() -> None:
    with answering(b"HTTP/1.1 200 OK\r\n\r\n") as (port, _):
        assert health(env={"PORT": str(port)})[0] == 0


def test_no_answer_in_time() -> None:
    with answering(None) as (port, _):
        status, said = health("--port", str(port), "--timeout", "0.2")
    assert status == 1
    assert "timed out" in said


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    status, said = health(f"--port={port}")
    assert (status, "refused" in said) == (1, True)


@pytest.mark.parametrize("args", [("--bogus", "1"), ("--port",), ("--port", "x"), ("stray",)])
def test_wrong_arguments_are_unhealthy(args: tuple[str, ...]) -> None:
    assert health(*args)[0] == 1


def test_nothing_slow_is_imported() -> None:
    start = f"import sys; sys.argv = ['h', '--port', '1']; source = open({str(SCRIPT)!r}).read()"
    code = f"{start}; exec(source.replace('sys.exit(main', '(main')); print(*sys.modules)"
    text = subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, capture_output=True, text=True).stdout
    assert not {"re", "socket", "http", "argparse", "urllib", "enum", "typing", "collections"} & set(text.split())
