"""Runs in every interpreter of an image that is traced: says what is imported, by whom, and what is looked for.

A .pth file in site-packages (``import _slimtorch_tracer``) starts it, so that no flag or variable of the service gets
in its way; ``python -S`` does. It writes lines of three fields, separated by NUL, to the named pipe beside it:
``import``, the module, the module that imports it; or ``look``, a path whose state is asked for (stat, lstat, access)
and ''. Nothing in it may change what the service does: whatever fails is let go.
"""

from __future__ import annotations

import os
import posix
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PIPE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_slimtorch_tracer.pipe")  # noqa: PTH100, PTH118, PTH120
HIGH = 900
"""A descriptor's number that services do not use by chance."""
LONGEST = 4000
"""Bytes of a line: below PIPE_BUF, so that lines of several processes do not mix (pipe(7))."""
MACHINERY = frozenset(
    {
        "importlib._bootstrap",
        "importlib._bootstrap_external",
        "_frozen_importlib",
        "_frozen_importlib_external",
        "importlib",
    }
)

_said: set[str] = set()
_state = {"descriptor": -1}
_stat = posix.stat


def _open() -> int:
    """The pipe; opened anew where the process closed it, or another file has taken its number."""
    descriptor = _state["descriptor"]
    try:
        if descriptor >= 0 and stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return descriptor
    except OSError:
        pass
    import fcntl  # noqa: PLC0415  (once; most images have it compiled in)

    first = os.open(PIPE, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    os.set_blocking(first, True)
    try:
        _state["descriptor"] = fcntl.fcntl(first, fcntl.F_DUPFD_CLOEXEC, HIGH)
        os.close(first)
    except OSError:
        _state["descriptor"] = first
    return _state["descriptor"]


def _say(kind: str, what: str, who: str) -> None:
    line = f"{kind}\0{what}\0{who}"
    if line in _said or "\n" in line:
        return
    _said.add(line)
    data = line.encode("utf-8", "surrogateescape") + b"\n"
    if len(data) <= LONGEST:
        os.write(_open(), data)


def _importer(frame: Any) -> str:  # noqa: ANN401  (a frame, or None)
    """The module whose code wants the import: the first above the import system."""
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name not in MACHINERY:
            return str(name)
        frame = frame.f_back
    return ""


def _executed(frame: Any) -> None:  # noqa: ANN401
    """Says the module whose code is about to run, however it was asked for; `frame` calls ``exec``."""
    for _ in range(2):
        if frame is not None and frame.f_code.co_name == "exec_module":
            module = frame.f_locals.get("module")
            if module is not None:
                _say("import", str(module.__name__), _importer(frame.f_back))
            return
        frame = frame.f_back if frame is not None else None


def _hook(event: str, args: tuple[Any, ...]) -> None:
    # "import" is not told of what importlib.import_module brings, "exec" not of compiled modules.
    try:
        if event == "import":
            _say("import", str(args[0]), _importer(sys._getframe(1)))  # noqa: SLF001  (what it is for)
        elif event == "exec" and args[0].co_name == "<module>":
            _executed(sys._getframe(1))  # noqa: SLF001
    except Exception:  # noqa: BLE001, S110  (an error here would be the service's)
        pass


def _looking(original: Callable[..., Any]) -> Callable[..., Any]:
    def look(path: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (as the function that it stands for)
        found = original(path, *args, **kwargs)
        try:
            # Folders are looked for by every import; they say nothing.
            is_file = found is True or (found is not False and not stat.S_ISDIR(found.st_mode))
            if is_file and not isinstance(path, int) and kwargs.get("dir_fd") is None:
                _say("look", os.path.abspath(os.fsdecode(path)), "")  # noqa: PTH100
        except Exception:  # noqa: BLE001, S110
            pass
        return found

    look.__name__ = look.__qualname__ = original.__name__
    return look


def _replace(name: str) -> None:
    original = getattr(posix, name)
    look = _looking(original)
    setattr(posix, name, look)
    setattr(os, name, look)
    for group in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks, os.supports_effective_ids):
        if original in group:
            group.add(look)


if os.path.exists(PIPE):  # noqa: PTH110
    for _name in ("stat", "lstat", "access"):
        _replace(_name)
    sys.addaudithook(_hook)
