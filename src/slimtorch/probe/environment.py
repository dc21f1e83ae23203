"""Whether interpreter, virtual environment, scripts and command agree about paths and versions (M9)."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slimtorch.image.tree import Kind
from slimtorch.probe import rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.findings import Finding
    from slimtorch.inventory.files import Files
    from slimtorch.inventory.service import Service

VENV = "opt/venv"
SHEBANG_BYTES = 255
DEBIANS_OWN = frozenset({"bin", "sbin", "usr/bin", "usr/sbin"})
"""Folders of programs that the distribution's packages fill, and nobody else."""
"""Bytes of a first line that the kernel reads (execve(2), BINPRM_BUF_SIZE)."""
_VERSION = re.compile(r"python(3\.\d+)")
_CONFIG_LINE = re.compile(r"^\s*([a-z-]+)\s*=\s*(.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Python of an image: the path that starts it (`path`), the file behind it (`real`), and ``3.X``."""

    path: str
    real: str
    version: str
    venv: str = ""

    @property
    def site_packages(self) -> str:
        """Where it looks for packages, relative to the root."""
        prefix = self.venv or "usr/local"
        return f"{prefix}/lib/python{self.version}/site-packages"


def interpreter(files: Files, service: Service) -> Interpreter | None:
    """The interpreter of the virtual environment, or else the first ``python3`` or ``python`` of PATH."""
    venv = service.env.get("VIRTUAL_ENV", f"/{VENV}").strip("/")
    has_venv = f"{venv}/pyvenv.cfg" in files
    candidates = [f"/{venv}/bin/python"] if has_venv else ["python3", "python"]
    for name in candidates:
        real = files.program(name, service.path)
        if real:
            path = name if name.startswith("/") else f"/{real}"
            return Interpreter(path, real, _version(files, real), venv if has_venv else "")
    return None


def _version(files: Files, real: str) -> str:
    named = _VERSION.fullmatch(posixpath.basename(real))
    if named:
        return named[1]
    libraries = posixpath.join(posixpath.dirname(posixpath.dirname(real)), "lib")
    found = sorted(
        path for path in files if posixpath.dirname(path) == libraries and _VERSION.fullmatch(path.rpartition("/")[2])
    )
    return found[0].rpartition("python")[2] if found else ""


def check(files: Files, service: Service, locked: str) -> Iterator[Finding]:
    """What does not agree. `locked` is the Python version (3.X) that the image should have; '' where nobody knows."""
    python = interpreter(files, service)
    if python is None:
        yield rules.INTERPRETER.finding("the image has no Python that can be started")
    else:
        if locked and python.version != locked:
            yield rules.VERSION.finding(f"the interpreter is Python {python.version}, locked was {locked}", python.real)
        yield from _pyvenv(files, python)
        yield from _site_packages(files, python)
        yield from _shebangs(files, service, python)
    yield from _command(files, service)


def _pyvenv(files: Files, python: Interpreter) -> Iterator[Finding]:
    if not python.venv:
        return
    path = f"{python.venv}/pyvenv.cfg"
    values = dict(_CONFIG_LINE.findall(files.text(path)))
    home = values.get("home", "")
    programs = [files.file(f"{home}/{name}") for name in ("python3", f"python{python.version}")]
    if python.real not in programs:
        yield rules.PYVENV.finding(f"home is {home!r}, but bin/python leads to /{python.real}", path)
    version = values.get("version", values.get("version_info", ""))
    if version and not f"{version}.".startswith(f"{python.version}."):
        yield rules.PYVENV.finding(f"version is {version}, but the interpreter is Python {python.version}", path)


def _site_packages(files: Files, python: Interpreter) -> Iterator[Finding]:
    if not python.venv:
        return
    prefix = f"{python.venv}/lib/"
    others = {path.removeprefix(prefix).partition("/")[0] for path in files if path.startswith(prefix)}
    for name in sorted(others):
        found = _VERSION.fullmatch(name)
        if found and found[1] != python.version:
            message = f"packages for Python {found[1]}, but the interpreter is Python {python.version}"
            yield rules.SITE_PACKAGES.finding(message, f"{prefix}{name}")
    if files.real(python.site_packages) is None:
        yield rules.SITE_PACKAGES.finding(f"Python {python.version} has no site-packages", python.site_packages)


def _shebangs(files: Files, service: Service, python: Interpreter) -> Iterator[Finding]:
    folders = {f"{python.venv}/bin"} if python.venv else set()
    folders |= {folder.strip("/") for folder in service.path.split(":")}
    for path in files:
        if posixpath.dirname(path) in folders and (first := _shebang(files, path)):
            words = first.split()
            target = words[1] if posixpath.basename(words[0]) == "env" and len(words) > 1 else words[0]
            if files.program(words[0], service.path) is None or files.program(target, service.path) is None:
                # Debian's packages bring shell and Perl scripts beside the program that they were added for.
                severity = rules.INFO if posixpath.dirname(path) in DEBIANS_OWN else None
                yield rules.SHEBANG.finding(f"starts {target}, which is not in the image", path, severity)


def _shebang(files: Files, path: str) -> str:
    node = files[path]
    if node.kind is not Kind.FILE or node.open is None:
        return ""
    with node.open() as stream:
        first = stream.read(SHEBANG_BYTES).partition(b"\n")[0]
    return first[2:].decode(errors="replace").strip() if first.startswith(b"#!") else ""


def _command(files: Files, service: Service) -> Iterator[Finding]:
    if not service.argv:
        yield rules.COMMAND.finding("the image has no command")
    elif files.program(service.argv[0], service.path, service.workdir) is None:
        yield rules.COMMAND.finding(f"{service.argv[0]} is not an executable file of the image")
    if not service.health:
        yield rules.HEALTH.finding("the image has no health check")
        return
    missing = [
        word for word in service.health if word.startswith("/") and word.endswith(".py") and not files.file(word)
    ]
    if files.program(service.health[0], service.path, service.workdir) is None:
        missing.insert(0, service.health[0])
    for word in missing[:1]:
        yield rules.HEALTH.finding(f"the health check starts {word}, which is not in the image", "", rules.ERROR)
