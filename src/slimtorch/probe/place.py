"""A tree with an interpreter that can be run on this machine: an image's root, or somebody's site-packages."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from slimtorch.errors import MachineError, SlimtorchError
from slimtorch.host.engines import ENGINES
from slimtorch.host.engines.model import Command, Container, Property
from slimtorch.host.engines.trial import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from slimtorch.host.engines.model import Engine
    from slimtorch.host.process import Completed, Run
    from slimtorch.probe.session import Subject

ENVIRONMENT = {"HOME": "/tmp", "TMPDIR": "/tmp", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "TZ": "UTC"}  # noqa: S108
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"
START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Place:
    """A tree below `root` and the interpreter `python` that runs its code.

    Of an image: `python` is a path in the image, `env` the image's environment, and it runs in the first engine that
    works here. Of a folder (`sites` given: the folders for ``sys.path``, relative to `root`, '' for itself): `python`
    is a path on this machine, started as it is with ``-I -S``. `service` is how the image's service is started; None
    where there is none to start.
    """

    root: Path
    python: str
    env: Mapping[str, str] = field(default_factory=dict)
    sites: tuple[str, ...] | None = None
    service: Subject | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """An interpreter that is known to start. `prefix` stands before the tree's paths as the interpreter sees them."""

    call: Callable[[Sequence[str], bytes, float], Completed]
    prefix: str
    engine: str


def of_image(subject: Subject) -> Place:
    """The place of an image that was unpacked, with its service."""
    return Place(subject.root, subject.python.path, subject.service.env, service=subject)


def moved(place: Place, root: Path) -> Place:
    """The same place of an image in another root."""
    return replace(place, root=root, service=place.service and replace(place.service, root=root))


def of_folder(folder: Path, python: Path | None = None, sites: tuple[str, ...] = ("",)) -> Place | None:
    """The place of a site-packages folder, or of a folder with several (`sites`); None where it has no interpreter.

    Without `python` it is the one beside the folder, as an installation has it: ``PREFIX/bin/python3.X`` for
    ``PREFIX/lib/python3.X/site-packages``.
    """
    found = python or next(filter(None, (python_beside(folder / site) for site in sites)), None)
    return Place(folder, str(found), sites=sites) if found else None


def python_beside(site: Path) -> Path | None:
    """The interpreter that an installation keeps for its site-packages folder; None where there is none."""
    folder = site.absolute()
    names = (folder.parent.name, "python3", "python")
    prefixes = folder.parents[2:3] if folder.parent.name.startswith("python3") else ()
    found = [prefix / "bin" / name for prefix in prefixes for name in names]
    return next((path for path in found if path.is_file()), None)


def start(place: Place, run: Run, engines: Sequence[Engine] = ENGINES) -> Started:
    """The place's interpreter, started once for trial.

    Raises:
        MachineError: it cannot be started on this machine; the message says what each engine answered.
    """
    ways = [_direct(place, run)] if place.sites is not None else _sandboxed(place, run, engines)
    reasons = []
    for started in ways:
        try:
            why = reason(started.call(["-c", ""], b"", START_SECONDS))
        except SlimtorchError as error:
            why = error.message.splitlines()[0]
        if not why:
            return started
        reasons.append(f"{started.engine}: {why}")
    raise MachineError(
        f"{place.python} cannot be started on this machine ({'; '.join(reasons)})",
        hint="install bubblewrap (apt-get install bubblewrap), or work on a machine with the image's processor",
    )


def _direct(place: Place, run: Run) -> Started:
    def call(args: Sequence[str], stdin: bytes, timeout: float) -> Completed:
        env = {**ENVIRONMENT, "PATH": DEFAULT_PATH, **place.env}
        return run([place.python, "-I", "-S", "-B", *args], env=env, stdin=stdin, cwd=place.root, timeout=timeout)

    return Started(call, f"{place.root.absolute()}/", "its own interpreter")


def _sandboxed(place: Place, run: Run, engines: Sequence[Engine]) -> list[Started]:
    return [_in(engine, place, run) for engine in engines if not engine.keeps_images]


def _in(engine: Engine, place: Place, run: Run) -> Started:
    def call(args: Sequence[str], stdin: bytes, timeout: float) -> Completed:
        env = {"PATH": DEFAULT_PATH, **place.env, **ENVIRONMENT}
        python = f"/{place.python.lstrip('/')}"
        # Not -I: an image may find its packages by PYTHONPATH, and so does the engine "loader".
        command = Command((python, "-s", "-B", *args), env)
        container = Container(command, place.root, python, uid=0, gid=0)
        return engine.execute(container, run, stdin=stdin, timeout=timeout)

    own = Property.ROOT in engine.proves
    return Started(call, "/" if own else f"{place.root.absolute()}/", engine.name)
