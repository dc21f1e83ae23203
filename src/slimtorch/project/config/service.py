"""``[service]``: how the service runs."""

from __future__ import annotations

import re
import shlex
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

from slimtorch.project.config import health
from slimtorch.project.config.kinds import image_path, image_paths, integer, matching, table_of_texts, text, texts
from slimtorch.project.config.reader import BadValueError, Key, Section, suggest
from slimtorch.project.model import WORKDIR, Health, Service

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePosixPath

    from slimtorch.project.config.reader import Table
    from slimtorch.project.model import Os

_SHELLS = ("sh", "bash", "dash", "zsh")


def _command(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            words = ", ".join(_quote(word) for word in shlex.split(value))
        except ValueError:
            words = '"program", "argument"'
        raise BadValueError(
            "must be a list: the image has no shell that could split a text", f"write command = [{words}]"
        )
    if not texts(value):
        raise BadValueError("must name a program")
    return texts(value)


def _quote(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _user(value: object) -> str:
    if text(value) == "root":
        raise BadValueError("must not be root: a service that is broken into would own the container")
    return matching(r"[a-z_][a-z0-9_-]{0,31}", "a user name (lower-case letters, digits, '_' and '-')")(value)


def _uid(value: object) -> int:
    found = integer(0, 65_533)(value)
    if found == 0:
        raise BadValueError("must not be 0, which is root: a service that is broken into would own the container")
    return found


def _environment(value: object) -> dict[str, str]:
    found = table_of_texts(value)
    for name in found:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise BadValueError(f"{name!r} is not a name that a variable can have")
    if "PYTHONPATH" in found:
        raise BadValueError("must not set PYTHONPATH", "name the folders in [app] python-path")
    return dict(sorted(found.items()))


def _signal(value: object) -> str:
    names = [member.name for member in signal.Signals]
    name = text(value).upper()
    if (full := name if name.startswith("SIG") else f"SIG{name}") in names:
        return full
    raise BadValueError(f"{value!r} is not a signal{suggest(name, names)}")


COMMAND: Key[tuple[str, ...]] = Key(
    "command", _command, (), "The program and its arguments, without a shell.", "required", '["python", "serve.py"]'
)
PORT = Key("port", integer(1, 65_535), 8000, "The TCP port that the service listens on.", "8000")
USER = Key("user", _user, "app", "The user's name in the image; never root.", '"app"')
UID = Key("uid", _uid, 1000, "The user's number and group; the image also runs as any other.", "1000", "65532")
WORKDIR_KEY = Key("workdir", image_path, WORKDIR, "The working directory, which holds the service's files.", '"/app"')
ENV: Key[Mapping[str, str]] = Key(
    "env", _environment, {}, "Environment variables; no secrets.", "{}", '{LOG_LEVEL = "info"}'
)
WRITABLE: Key[tuple[PurePosixPath, ...]] = Key(
    "writable", image_paths, (), "Folders that the service writes to, besides `/tmp` and `/cache`.", "[]", '["/data"]'
)
STOP_SIGNAL = Key("stop-signal", _signal, "SIGTERM", "The signal that ends the service.", '"SIGTERM"', '"SIGINT"')
SECTION = Section(
    "service",
    "How the service runs. Only `command` is required.",
    (COMMAND, PORT, USER, UID, WORKDIR_KEY, ENV, WRITABLE, STOP_SIGNAL),
    ("health",),
)


def read(table: Table, system: Os, top: Table) -> Service:
    """The section. ``[health]`` at the top level (of `top`) stands for ``[service.health]``."""
    command = table.read(COMMAND)
    if COMMAND not in table:
        table.bad(COMMAND, "is missing", 'say how the service starts: [service] command = ["python", "serve.py"]')
    elif command:
        _check_shell(table, command, system)
    return Service(
        command=command,
        port=table.read(PORT),
        user=table.read(USER),
        uid=table.read(UID),
        workdir=table.read(WORKDIR_KEY),
        env=table.read(ENV),
        writable=table.read(WRITABLE),
        stop_signal=table.read(STOP_SIGNAL),
        health=_health(table, top),
    )


def _check_shell(table: Table, command: tuple[str, ...], system: Os) -> None:
    shell = command[0].rpartition("/")[2]
    brought = {"sh": "dash"}.get(shell, shell)
    if shell in _SHELLS and not system.base and not {brought, "bash"} & set(system.packages):
        table.bad(
            COMMAND,
            f"starts {command[0]}, but the image has no shell",
            f'name the program itself, or add a shell: [os] packages = ["{brought}"]',
        )


def _health(table: Table, top: Table) -> Health | None:
    if "health" in top.data and "health" in table.data:
        top.problems.add(top.dotted("health"), "is there twice, as [health] and as [service.health]")
    holder, section = (top, replace(health.SECTION, name="health")) if "health" in top.data else (table, health.SECTION)
    value = holder.data.get("health", True)
    if isinstance(value, bool):
        return Health() if value else None
    return health.read(holder.table(section))
