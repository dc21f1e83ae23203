"""Root file systems that run: this machine's Debian Python with its libraries, and a small service without torch."""

from __future__ import annotations

import base64
import copy
import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from slimtorch.probe.questions import Question

PYTHON = Path("/usr/bin/python3.11")
LIBRARY = Path("/usr/lib/python3.11")
LEFT_OUT = ("test", "idlelib", "tkinter", "ensurepip", "lib2to3", "distutils", "pydoc_data", "config-*", "__pycache__")
# A port of its own for each worker: some engines give a container no network of its own.
PORT = 18473 + 10 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
CACHE = "/cache"

SERVE = """
import json, os, pathlib, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WEIGHTS = json.loads((pathlib.Path(__file__).parent / "weights.json").read_text())
ready = threading.Event()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/health":
            return self.answer(404, {"error": "no such page"})
        self.answer(200 if ready.is_set() else 503, {"ready": ready.is_set()})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        cache = os.path.join(os.environ["HF_HOME"], "seen")
        os.makedirs(os.path.dirname(cache), exist_ok=True)
        open(cache, "w").close()
        self.answer(200, {"score": sum(w * x for w, x in zip(WEIGHTS, body["x"])), "extra": 1})

    def answer(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


print("the service starts", flush=True)
threading.Timer(float(os.environ.get("LOAD", "0.2")), ready.set).start()
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@dataclass
class Root:
    """A root file system on this machine and the image configuration that goes with it."""

    path: Path
    config: dict[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        return {"architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine], "config": self.config}

    def write(self, path: str, data: str | bytes, mode: int = 0o644) -> None:
        target = self.path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data.encode() if isinstance(data, str) else data)
        target.chmod(mode)

    def distribution(self, name: str, contents: dict[str, bytes]) -> None:
        """An installed distribution with a true RECORD."""
        rows = []
        site = "opt/venv/lib/python3.11/site-packages"
        for path, data in {**contents, f"{name}-1.dist-info/METADATA": f"Name: {name}\nVersion: 1\n".encode()}.items():
            self.write(f"{site}/{path}", data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append(f"{path},sha256={digest},{len(data)}")
        self.write(f"{site}/{name}-1.dist-info/RECORD", "\n".join([*rows, f"{name}-1.dist-info/RECORD,,"]) + "\n")


def missing_parts() -> str:
    """Why no root that runs can be made here; '' when one can."""
    if not PYTHON.is_file() or not (LIBRARY / "os.py").is_file():
        return "Debian's python3.11 is not installed (apt-get install python3.11)"
    if shutil.which("ldd") is None:
        return "ldd is not installed"
    return ""


def make_root(target: Path) -> Root:
    """A root with Debian's Python, a virtual environment, a service at /app and its health check."""
    target.mkdir(mode=0o755)
    root = Root(target)
    for name in ("bin", "sbin", "lib", "lib64"):
        (target / "usr" / name).mkdir(parents=True)
        (target / name).symlink_to(f"usr/{name}")
    shutil.copy2(PYTHON, target / "usr/bin/python3.11")
    (target / "usr/bin/python3").symlink_to("python3.11")
    shutil.copytree(LIBRARY, target / "usr/lib/python3.11", symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    (target / "usr/lib/python3.11/sitecustomize.py").unlink(missing_ok=True)
    _copy_libraries(target)
    _environment(root)
    root.config = _config()
    return root


def clone(root: Root, target: Path) -> Root:
    """A copy to spoil; files are shared by hard links, so replace them and do not change them in place."""
    shutil.copytree(root.path, target, symlinks=True, copy_function=os.link)
    return Root(target, copy.deepcopy(root.config))


def _copy_libraries(target: Path) -> None:
    binaries = [target / "usr/bin/python3.11", *sorted((target / "usr/lib/python3.11/lib-dynload").glob("*.so"))]
    listed = subprocess.run(["ldd", *binaries], check=False, capture_output=True, text=True).stdout
    for name in sorted(set(re.findall(r"(/\S*/lib\S*|/lib64/\S+) \(0x", listed))):
        place = target / "usr" / name.removeprefix("/usr").lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            shutil.copy2(os.path.realpath(name), place)


def _environment(root: Root) -> None:
    root.write("opt/venv/pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\n")
    (root.path / "opt/venv/bin").mkdir()
    for name, link in (("python", "/usr/bin/python3.11"), ("python3", "python")):
        (root.path / "opt/venv/bin" / name).symlink_to(link)
    root.distribution("demo", {"demo.py": b"answer = 42\n"})
    root.write("opt/venv/bin/serve", "#!/opt/venv/bin/python\nimport sys\nexec(open('/app/serve.py').read())\n", 0o755)
    root.write("app/serve.py", SERVE)
    root.write("app/weights.json", "[0.5, -1.25, 3.0]")
    root.write("etc/passwd", "root:x:0:0:root:/root:/usr/sbin/nologin\napp:x:1000:1000::/home/app:/usr/sbin/nologin\n")
    health = files("slimtorch.probe.in_image").joinpath("health.py").read_bytes()
    root.write("usr/lib/slimtorch/health.py", health)
    for name, mode in (("tmp", 0o1777), ("cache", 0o1777), ("home/app", 0o755)):
        (root.path / name).mkdir(parents=True)
        (root.path / name).chmod(mode)


def _config() -> dict[str, Any]:
    probe = ["/usr/bin/python3.11", "-I", "-S", "/usr/lib/slimtorch/health.py"]
    return {
        "User": "1000:1000",
        "WorkingDir": "/app",
        "Env": [
            "PATH=/opt/venv/bin:/usr/bin:/bin",
            "VIRTUAL_ENV=/opt/venv",
            "HOME=/home/app",
            f"HF_HOME={CACHE}/huggingface",
        ],
        "Cmd": ["python", "/app/serve.py", str(PORT)],
        "ExposedPorts": {f"{PORT}/tcp": {}},
        "Healthcheck": {"Test": ["CMD", *probe, "--port", str(PORT), "--path", "/health"], "Timeout": 3_000_000_000},
        "StopSignal": "SIGTERM",
        "Labels": {"io.slimtorch.writable": f"/tmp,{CACHE}", "io.slimtorch.python": "3.11"},
    }


def questions(count: int = 20) -> tuple[Question, ...]:
    """Inputs with the right answers for the weights that `make_root` writes."""
    inputs = [[n, n / 3, n / 7] for n in range(count)]
    return tuple(Question({"x": x}, {"score": 0.5 * x[0] - 1.25 * x[1] + 3.0 * x[2]}) for x in inputs)
