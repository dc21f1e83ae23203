"""A whole small world for the command line: a project, its wheels, its operating system; nothing of it is on a network.

`stock` makes it once for all workers of a test run; `Shop` gives a test its own project folder and output, and shares
the cache unless the test asks for one of its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slimtorch
from tests.support import apt_repo, machine_debs
from tests.support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PORT = 18519
SETTINGS = f"""name = "parrot"
version = "1.2"

[app]
include = ["serve.py", "parrot"]

[service]
command = ["python", "serve.py"]
port = {PORT}

[check]
file = "checks.json"

[os]
suite = "{{suite}}"
keyring = "keys/archive.gpg"
"""
SERVE = """\
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from parrot_words import repeat


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(200 if self.path == "/health" else 404, {})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(200, {"said": repeat(body["word"], body["times"])})

    def answer(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


print("the parrot wakes up", flush=True)
ThreadingHTTPServer(("0.0.0.0", PORT), Handler).serve_forever()
""".replace("PORT", str(PORT))
FILES = {
    "serve.py": SERVE,
    "requirements.txt": "parrot-words\n",
    "parrot/__init__.py": "",
    "parrot/beak.py": "open = True\n",
}
QUIET = ("VIRTUAL_ENV", "SLIMTORCH_CACHE", "SOURCE_DATE_EPOCH", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "PYTHONPATH")


def checks() -> str:
    """Twenty held-out answers of the service."""
    rows = [{"input": {"word": "ab", "times": n}, "output": {"said": "ab" * n}} for n in range(20)]
    return json.dumps(rows)


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its result, printed with ``--format json``."""
        return json.loads(self.out)

    @property
    def references(self) -> list[str]:
        """Its result, one a line."""
        return self.out.splitlines()

    def ok(self) -> Done:
        """Itself; a failure shows what was said."""
        assert self.status == 0, f"exit status {self.status}\n{self.err}"
        return self


@dataclass(frozen=True)
class Stock:
    """What `stock` made below `root`."""

    root: Path

    @contextmanager
    def port(self) -> Iterator[None]:
        """Nobody else of this test run starts the service meanwhile: not every engine gives it a network of its own."""
        with (self.root / "port").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @property
    def wheels(self) -> Path:
        """A find-links folder."""
        return self.root / "wheels"

    @property
    def mirror(self) -> str:
        """The address of the package archive."""
        return f"copy:{self.root / 'debian' / 'archive'}"

    @property
    def keyring(self) -> Path:
        """What the archive is signed with."""
        return self.root / "debian" / "keyring.gpg"

    @property
    def cache(self) -> Path:
        """A cache that knows everything about the project."""
        return self.root / "cache"

    @property
    def references(self) -> list[str]:
        """The image in a layout and in an archive, as the build printed them."""
        found: list[str] = json.loads((self.root / "references.json").read_text())
        return found

    @property
    def paths(self) -> dict[str, list[str]]:
        """The files of each Debian package."""
        found: dict[str, list[str]] = json.loads((self.root / "packages.json").read_text())
        return found


def stock(shared: Path) -> Stock:
    """Everything, made below `shared` by the first that asks; the other workers wait for it."""
    shared.mkdir(exist_ok=True)
    made = Stock(shared / "stock")
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "done").exists():
            _make(made)
            (shared / "done").touch()
    return made


def _make(made: Stock) -> None:
    shutil.rmtree(made.root, ignore_errors=True)
    made.root.mkdir()
    # Whoever tests as another user has to get in here.
    made.root.chmod(0o755)
    debs = machine_debs.pack()
    repository = apt_repo.make_repository(made.root / "debian")
    try:
        repository.publish({name: (deb.data, deb.fields) for name, deb in debs.items()}, machine_debs.suite())
    finally:
        apt_repo.stop(repository)
    (made.root / "packages.json").write_text(json.dumps({name: deb.paths for name, deb in debs.items()}))
    make_wheels(made.wheels)
    write_project(made.root / "project", made)
    shop = Shop(made, made.root / "project", made.cache, _environment(made))
    outputs = ("-o", f"oci:{made.root}/image", "-o", f"archive:{made.root}/image.tar")
    (made.root / "references.json").write_text(json.dumps(shop.build(*outputs).ok().references))


def make_wheels(folder: Path) -> None:
    """Two wheels: a pure one with a console script that needs the other, which brings data and a script."""
    words = {
        "parrot_words/__init__.py": "import parrot_seeds\n\ndef repeat(word, times):\n    return word * times\n",
        "parrot_words/cli.py": "def main():\n    print('parrot')\n",
        "INFO/entry_points.txt": "[console_scripts]\nparrot = parrot_words.cli:main\n",
    }
    make_wheel(folder, "parrot-words", "1.4", words, requires=["parrot-seeds>=2"])
    seeds = {
        "parrot_seeds.py": "SEED = 'sunflower'\n",
        "parrot_seeds_data/table.txt": "1\n2\n",
        "DATA/data/share/parrot/seeds.txt": "sunflower\n",
        "DATA/scripts/parrot-feed": "#!python\nprint('fed')\n",
    }
    make_wheel(folder, "parrot-seeds", "2.0", seeds)


def write_project(folder: Path, made: Stock) -> Path:
    """The project in `folder`, without a lock."""
    settings = SETTINGS.format(suite=machine_debs.suite())
    for name, text in {**FILES, "checks.json": checks(), "slimtorch.toml": settings}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "keys").mkdir()
    shutil.copyfile(made.keyring, folder / "keys/archive.gpg")
    return folder


def _environment(made: Stock) -> dict[str, str]:
    """This process's environment, with the test's own packages and nothing of this machine's configuration."""
    private = ("PIP_", "UV_", "XDG_", "SLIMTORCH_", "DOCKER_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(private) and name not in QUIET}
    home = made.root / "home"
    home.mkdir(exist_ok=True)
    return {
        **kept,
        "HOME": str(home),
        "PYTHONPATH": str(Path(slimtorch.__file__).parents[1]),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_NO_CONFIG": "1",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(made.wheels),
        "LANG": "C.UTF-8",
    }


@dataclass(frozen=True)
class Shop:
    """A project folder, a cache, and the command line as a process of its own."""

    stock: Stock
    project: Path
    cache: Path
    env: Mapping[str, str] = field(repr=False)

    def argv(self, *arguments: str | Path) -> list[str]:
        """The command line of ``slimtorch ARGUMENTS``."""
        words = ["-m", "slimtorch", "--cache-dir", self.cache, "-C", self.project, *arguments]
        return [sys.executable, *map(str, words)]

    def __call__(self, *arguments: str | Path, env: Mapping[str, str] | None = None, timeout: float = 120) -> Done:
        """How ``slimtorch ARGUMENTS`` ended, in the project's folder; `env` is added to the environment."""
        starts = {"verify", "trace"} & set(arguments) and "cache" not in arguments
        with self.stock.port() if starts else nullcontext():
            done = subprocess.run(
                self.argv(*arguments),
                env={**self.env, **(env or {})},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
            )
        return Done(done.returncode, done.stdout, done.stderr)

    def lock(self, *arguments: str) -> Done:
        """``slimtorch lock`` from the test's mirror."""
        return self("lock", "--apt-mirror", self.stock.mirror, *arguments)

    def build(self, *arguments: str | Path) -> Done:
        """``slimtorch build`` from the test's mirror."""
        return self("build", "--apt-mirror", self.stock.mirror, *arguments)

    def with_cache(self, folder: Path, *, empty: bool = False) -> Shop:
        """The same with a cache of its own: a copy of the shared one, whose files are shared by hard links."""
        if not empty:
            # A lock is a file's, whatever its name: those of the shared cache stay there.
            locks = shutil.ignore_patterns("in-use", "locks", "tmp")
            shutil.copytree(self.stock.cache, folder, copy_function=os.link, symlinks=True, ignore=locks)
        return replace(self, cache=folder)

    def write(self, name: str, text: str) -> None:
        """Replaces a file of the project."""
        (self.project / name).parent.mkdir(parents=True, exist_ok=True)
        (self.project / name).write_text(text)

    def change(self, name: str, old: str, new: str) -> None:
        """Replaces a text in a file of the project."""
        text = (self.project / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))


def open_shop(made: Stock, folder: Path) -> Shop:
    """A copy of the project, locked, with the shared cache."""
    project = folder / "project"
    shutil.copytree(made.root / "project", project)
    return Shop(made, project, made.cache, _environment(made))
