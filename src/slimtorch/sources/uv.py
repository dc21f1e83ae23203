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
    from collections.abc import Mapping, Sequence

    from slimtorch.project.lock import LockedWheel
    from slimtorch.sources.request import Request, Tools
    from slimtorch.sources.uv_output import Annotation

TIMEOUT = 900.0


@dataclass(frozen=True, slots=True)
class Question:
    """What uv is asked on top of the project's requirements (`lines`), or instead of them (`alone`), and how.

    With `pages_only`, versions that exist only as source may be chosen, and no dependencies are followed: uv then
    looks at the pages of the indexes and at no package, so that nothing is built.
    """

    options: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    alone: bool = False
    pages_only: bool = False


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
    head = 'lock-version = "1.0"\ncreated-by = "uv"\n'
    form = _Form("pylock.slimtorch.toml", '[[packages]]\nname = "{name}"\nversion = "{version}"\n', head)
    return _compile(request, tools, question, form)


def compile_annotated(request: Request, tools: Tools, question: Question = PLAIN) -> Mapping[str, Annotation]:
    """Why each package is there and which index it came from, for the same resolution."""
    form = _Form("requirements.txt", "{name}=={version}\n", options=("--emit-index-annotation",))
    return uv_output.read_annotations(_compile(request, tools, question, form).text)


def compile_versions(request: Request, tools: Tools, question: Question) -> Mapping[str, str]:
    """The version that is chosen of each package, by canonical name."""
    return uv_output.read_versions(_compile(request, tools, question, _Form("requirements.txt")).text)


@dataclass(frozen=True, slots=True)
class _Form:
    """The file that uv writes: its name decides the format, `pin` and `head` are how it would hold kept wheels."""

    name: str
    pin: str = ""
    head: str = ""
    options: tuple[str, ...] = ()

    def write(self, folder: str, keep: Sequence[LockedWheel]) -> Path:
        """The file, with these wheels: uv takes its preferences from what it is about to replace."""
        path = Path(folder).resolve() / self.name
        if keep and self.pin:
            pins = (self.pin.format(name=wheel.name, version=wheel.version) for wheel in keep)
            path.write_text("".join([self.head, *pins]))
        return path


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
    keep = () if question.alone else request.keep
    while True:
        with TemporaryDirectory(prefix="slimtorch-") as folder:
            output = form.write(folder, keep)
            done = tools.run(
                [*_argv(request, question), *form.options, "--output-file", str(output)],
                env=uv_environment(request.indexes, tools.environ),
                stdin="".join(f"{line}\n" for line in given).encode(),
                cwd=request.root,
                timeout=TIMEOUT,
            )
        if done.status == 0:
            return Answer(done.text, output.parent)
        # A version to be kept binds uv to the first index that knows it, even one that has no wheel for this target.
        unfit = uv_output.unfit(done.stderr)
        if not any(wheel.name in unfit for wheel in keep):
            raise uv_output.failure(done.stderr, request.origin, request.label)
        keep = tuple(wheel for wheel in keep if wheel.name not in unfit)


def _argv(request: Request, question: Question) -> list[str]:
    argv = [binary(), "pip", "compile", "--no-header", "--python", sys.executable]
    # Either keeps a build script from running on this machine.
    argv.append("--no-deps" if question.pages_only else "--no-build")
    argv += ["--python-version", request.target.python, "--python-platform", request.target.uv_platform]
    if request.indexes.no_index:
        argv.append("--no-index")
    for constraint in () if question.alone else request.indexes.constraints:
        argv += ["--constraint", constraint]
    files = [] if question.alone else [str(path) for path in request.requirements.files]
    inline = question.lines or (request.requirements.inline and not question.alone)
    return [*argv, *question.options, *files, *(["-"] if inline or not files else [])]
