"""Runs uv: requirements → the wheels for the target, without building anything."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from slimtorch.errors import MachineError
from slimtorch.sources import uv_output
from slimtorch.sources.indexes import uv_environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slimtorch.sources.request import Request, Tools
    from slimtorch.sources.uv_output import Annotation

TIMEOUT = 900.0


@dataclass(frozen=True, slots=True)
class Question:
    """What uv is asked on top of the project's requirements (`lines`), or instead of them (`alone`), and how."""

    options: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    alone: bool = False


PLAIN = Question()


def binary() -> str:
    """The uv program: of the installed package, beside this interpreter, or on the PATH.

    Raises:
        MachineError: there is none.
    """
    beside = Path(sys.executable).parent / "uv"
    if beside.is_file():
        return str(beside)
    try:
        from uv import find_uv_bin  # noqa: PLC0415  (the package is a few milliseconds nobody else needs)

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        pass
    if found := shutil.which("uv"):
        return found
    raise MachineError("uv is not installed", hint="install it with: pip install uv")


@dataclass(frozen=True, slots=True)
class Answer:
    """What uv wrote, and the folder that relative paths in it start from."""

    text: str
    base: Path


def compile_pylock(request: Request, tools: Tools, question: Question = PLAIN) -> Answer:
    """The resolution as pylock.toml.

    Raises:
        ResolveError: nothing satisfies the requirements, or something exists only as source.
        FetchError: an index cannot be reached.
    """
    # uv takes its preferences from the file that it is about to replace.
    kept = [f'[[packages]]\nname = "{wheel.name}"\nversion = "{wheel.version}"\n' for wheel in request.keep]
    known = "".join(['lock-version = "1.0"\ncreated-by = "uv"\n', *kept])
    return _compile(request, tools, question, _Form("pylock.slimtorch.toml", known))


def compile_annotated(request: Request, tools: Tools, question: Question = PLAIN) -> Mapping[str, Annotation]:
    """Why each package is there and which index it came from, for the same resolution."""
    known = "".join(f"{wheel.name}=={wheel.version}\n" for wheel in request.keep)
    form = _Form("requirements.txt", known, ("--emit-index-annotation",))
    return uv_output.read_annotations(_compile(request, tools, question, form).text)


@dataclass(frozen=True, slots=True)
class _Form:
    """The file that uv writes: its name decides the format, `known` is what it held before."""

    name: str
    known: str
    options: tuple[str, ...] = ()


def export_lock(request: Request, tools: Tools, lock: Path) -> str:
    """A ``uv.lock`` as pylock.toml: the project's own dependencies, with the chosen groups and extras only."""
    argv = [binary(), "export", "--frozen", "--format", "pylock.toml", "--no-header", "--no-emit-project"]
    argv += ["--no-default-groups", "--python", sys.executable]
    argv += [f"--group={group}" for group in request.requirements.groups]
    argv += [f"--extra={extra}" for extra in request.requirements.extras]
    done = tools.run(argv, env=uv_environment(request.indexes, tools.environ), cwd=lock.parent, timeout=TIMEOUT)
    if done.status != 0:
        raise uv_output.failure(done.stderr, lock.name, request.label)
    return done.text


def _compile(request: Request, tools: Tools, question: Question, form: _Form) -> Answer:
    given = [*(() if question.alone else request.requirements.inline), *question.lines]
    with TemporaryDirectory(prefix="slimtorch-") as folder:
        output = Path(folder).resolve() / form.name
        if request.keep and not question.alone:
            output.write_text(form.known)
        done = tools.run(
            [*_argv(request, question), *form.options, "--output-file", str(output)],
            env=uv_environment(request.indexes, tools.environ),
            stdin="".join(f"{line}\n" for line in given).encode(),
            cwd=request.root,
            timeout=TIMEOUT,
        )
        if done.status != 0:
            raise uv_output.failure(done.stderr, request.origin, request.label)
        return Answer(done.text, output.parent)


def _argv(request: Request, question: Question) -> list[str]:
    argv = [binary(), "pip", "compile", "--no-build", "--no-header", "--python", sys.executable]
    argv += ["--python-version", request.target.python, "--python-platform", request.target.uv_platform]
    if request.indexes.no_index:
        argv.append("--no-index")
    for constraint in () if question.alone else request.indexes.constraints:
        argv += ["--constraint", constraint]
    files = [] if question.alone else [str(path) for path in request.requirements.files]
    inline = question.lines or (request.requirements.inline and not question.alone)
    return [*argv, *question.options, *files, *(["-"] if inline or not files else [])]
