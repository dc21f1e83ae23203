"""The example, run as its users run it: a process on a port."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
NEEDED = ("torch", "fastapi", "uvicorn", "safetensors", "prometheus_client", "sklearn")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
PATIENCE = 60

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(
        bool(MISSING), reason=f"{', '.join(MISSING)} not installed: pip install -r examples/digits/requirements-dev.txt"
    ),
]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Service:
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            payload = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
            connection.request(method, path, payload, {"Content-Type": "application/json"} if payload else {})
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())
        finally:
            connection.close()

    def health(self) -> int:
        """The status of /health, or 0 while the port is closed."""
        try:
            return self.ask("GET", "/health").status
        except ConnectionError:
            return 0

    def wait(self, status: int) -> set[int]:
        """The statuses seen until /health says `status`."""
        seen: set[int] = set()
        deadline = time.monotonic() + PATIENCE
        while status not in seen:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"saw only {seen}"
            seen.add(self.health())
            time.sleep(0.005)
        return seen

    def lines(self) -> list[dict[str, Any]]:
        """The log; every line has to be a JSON object."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(folder: Path, log: Path) -> Iterator[Service]:
    """The service, started with warnings as errors, and stopped whatever happens."""
    port = free_port()
    environment = {**os.environ, "PORT": str(port), "HOST": "127.0.0.1", "PYTHONDONTWRITEBYTECODE": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "serve.py"], cwd=folder, env=environment, stdout=out, stderr=out
        )
    try:
        yield Service(port, process, log)
    finally:
        process.kill()
        process.wait(timeout=PATIENCE)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(DIGITS, tmp_path_factory.mktemp("digits") / "log") as service:
        service.wait(200)
        yield service


@pytest.fixture(scope="module")
def held_out() -> list[tuple[list[int], int]]:
    script = "import json, train; _, i, _, d = train.split(); print(json.dumps([i.int().tolist(), d.tolist()]))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=DIGITS,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        check=True,
        timeout=PATIENCE,
    )
    return list(zip(*json.loads(done.stdout), strict=True))


def test_reads_held_out_digits(service: Service, held_out: list[tuple[list[int], int]]) -> None:
    right = 0
    for start in range(0, len(held_out), 64):
        batch = held_out[start : start + 64]
        answer = service.ask("POST", "/predict", {"images": [image for image, _ in batch]})
        assert answer.status == 200
        predictions = answer.json["predictions"]
        right += sum(found["digit"] == digit for found, (_, digit) in zip(predictions, batch, strict=True))
    assert len(held_out) == 360
    assert right / len(held_out) >= 0.97


def test_checks_are_the_services_own_answers(service: Service, held_out: list[tuple[list[int], int]]) -> None:
    checks = json.loads((DIGITS / "checks.json").read_text())
    known = {tuple(image) for image, _ in held_out}
    assert len(checks) >= 20
    for check in checks:
        assert all(tuple(image) in known for image in check["input"]["images"])
        predictions = service.ask("POST", "/predict", check["input"]).json["predictions"]
        for found, expected in zip(predictions, check["output"]["predictions"], strict=True):
            assert found["digit"] == expected["digit"]
            assert found["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-5)
            assert sum(found["probabilities"]) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        ({}, "body.images"),
        ({"images": []}, "body.images"),
        ({"images": [[0] * 63]}, "body.images.0"),
        ({"images": [[0] * 65]}, "body.images.0"),
        ({"images": [[0] * 64] * 65}, "body.images"),
        ({"images": [[0] * 63 + [17]]}, "body.images.0.63"),
        ({"images": [[-1] + [0] * 63]}, "body.images.0.0"),
        ({"images": [["ink"] + [0] * 63]}, "body.images.0.0"),
        (b'{"images": [[' + b",".join([b"NaN"] * 64) + b"]]}", "body.images.0.0"),
    ],
)
def test_says_what_is_wrong_with_a_request(service: Service, body: object, where: str) -> None:
    answer = service.ask("POST", "/predict", body)
    assert answer.status == 422
    problem = answer.json["detail"][0]
    assert problem["where"].startswith(where)
    assert problem["problem"]
    assert len(answer.body) < 2000


def test_metrics_are_prometheus_text(service: Service) -> None:
    service.ask("GET", "/")
    service.ask("GET", "/no/such/route")
    answer = service.ask("GET", "/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    sample = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^}]*\})? \S+")
    values: dict[str, float] = {}
    for line in answer.body.decode().splitlines():
        if not line.startswith("#"):
            assert sample.fullmatch(line), line
            name, _, value = line.rpartition(" ")
            values[name] = float(value)
    assert values['http_requests_total{route="/",status="200"}'] >= 1
    assert values['http_requests_total{route="unknown",status="404"}'] >= 1
    assert values['http_request_seconds_count{route="/"}'] >= 1
    assert 0.01 < values["model_load_seconds"] < PATIENCE
    assert not any("/no/such/route" in name for name in values)


def test_life_of_a_process(tmp_path: Path) -> None:
    with running(DIGITS, tmp_path / "log") as service:
        assert 503 in service.wait(200)
        assert service.ask("GET", "/?seen").json["service"] == "digits"
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(timeout=15) in {0, -signal.SIGTERM}
    lines = service.lines()
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    requests = [line for line in lines if line["logger"] == "uvicorn.access"]
    assert [(line["method"], line["path"], line["status"]) for line in requests] == [("GET", "/?seen", 200)]
    assert any("the model is ready" in line["message"] for line in lines)
    assert any("shutdown complete" in line["message"] for line in lines)


def test_says_that_it_is_not_ready_and_stops_without_a_model(tmp_path: Path) -> None:
    for name in ("serve.py", "model.py", "observability.py"):
        shutil.copy(DIGITS / name, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with running(tmp_path, tmp_path / "log") as service:
        service.wait(503)
        assert service.ask("POST", "/predict", {"images": [[0] * 64]}).status == 503
        assert service.process.wait(timeout=PATIENCE) != 0
    errors = [line for line in service.lines() if line["level"] == "error"]
    assert any("cannot be loaded" in line["message"] and "exception" in line for line in errors)


def test_the_weights_are_small() -> None:
    assert (DIGITS / "model.safetensors").stat().st_size < 300_000
