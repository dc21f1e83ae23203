"""A Docker daemon of a test's own: its folders, its socket, no network but the host's."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE = 30


class NoDaemonError(Exception):
    """Why there is none."""


@contextmanager
def docker_daemon(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which Debian's docker command speaks to a daemon that lives as long as the context.

    Raises:
        NoDaemonError: it is not installed, or does not start here.
    """
    for name in ("docker", "dockerd"):
        if shutil.which(name, path=PATH) is None:
            raise NoDaemonError(f"{name} is not installed (apt-get install docker.io)")
    if os.geteuid() != 0:
        raise NoDaemonError("dockerd needs root")
    environ = {"PATH": PATH, "HOME": str(folder), "DOCKER_HOST": f"unix://{folder}/d.sock"}
    argv = ["dockerd", "-H", environ["DOCKER_HOST"], "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
    argv += ["--pidfile", f"{folder}/pid", "--iptables=false", "--bridge=none"]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(argv, stdout=log, stderr=log, env=environ)
    try:
        _wait(daemon, folder / "log", environ)
        yield environ
    finally:
        daemon.terminate()
        daemon.wait(PATIENCE)


def _wait(daemon: subprocess.Popen[bytes], log: Path, environ: dict[str, str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while subprocess.run(["docker", "info"], capture_output=True, env=environ, check=False).returncode != 0:
        if daemon.poll() is not None:
            raise NoDaemonError(f"dockerd does not start here: {log.read_text()[-300:]}")
        if time.monotonic() > deadline:
            raise NoDaemonError(f"dockerd did not answer within {PATIENCE} s")
        time.sleep(0.5)
