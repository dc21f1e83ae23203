"""A Docker daemon and a registry of the bench's own: own folders, own sockets, stopped at the end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.measure import Run, environment, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

DOCKER = "/usr/bin/docker"
"""Debian's client (package docker.io), which has BuildKit built in; another on PATH may need a plugin for it."""

NEEDED = {
    DOCKER: "docker.io",
    "/usr/sbin/dockerd": "docker.io",
    "/usr/bin/docker-registry": "docker-registry",
    "/usr/bin/mmdebstrap": "mmdebstrap",
    "/usr/bin/skopeo": "skopeo",
}
PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Docker:
    """A running daemon and a registry next to it."""

    host: str
    registry: str

    def __call__(self, *words: str | Path) -> Run:
        """What a docker command took."""
        return run([DOCKER, *words], env={"DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "1"})


def missing() -> list[str]:
    """The Debian packages that have to be installed first."""
    return sorted({package for path, package in NEEDED.items() if shutil.which(path) is None})


@contextmanager
def docker(folder: Path) -> Iterator[Docker]:
    """A daemon without any network but the host's, and an empty registry. `folder` is removed at the end.

    The folder's path has to be short: the socket is in it, and socket paths end at 107 bytes.
    """
    folder.mkdir(parents=True)
    host = f"unix://{folder}/docker.sock"
    places = [f"--data-root={folder}/root", f"--exec-root={folder}/exec", f"--pidfile={folder}/docker.pid"]
    network = ["--bridge=none", "--iptables=false", "--ip6tables=false"]
    port = _free_port()
    settings = {
        "version": "0.1",
        "log": {"accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (folder / "registry.yml").write_text(json.dumps(settings))  # JSON is YAML
    try:
        with (
            _server(["/usr/sbin/dockerd", *places, "--host", host, *network], folder / "docker.log"),
            _server(["/usr/bin/docker-registry", "serve", folder / "registry.yml"], folder / "registry.log"),
        ):
            yield _ready(Docker(host, f"127.0.0.1:{port}"), folder)
    finally:
        shutil.rmtree(folder)


def _ready(docker: Docker, folder: Path) -> Docker:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            docker("version")
        except RuntimeError as error:
            if time.monotonic() > deadline:
                raise RuntimeError(f"dockerd did not start:\n{(folder / 'docker.log').read_text()[-2000:]}") from error
            time.sleep(0.2)
        else:
            return docker


@contextmanager
def _server(argv: Sequence[str | Path], log: Path) -> Iterator[None]:
    """A server in a session of its own, so that Ctrl-C ends it after us and not beside us."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(word) for word in argv],
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            env=environment(),
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
