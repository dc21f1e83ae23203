"""Options that several commands share."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slimtorch.errors import UsageError
from slimtorch.findings import Severity
from slimtorch.project.config.reader import BadValueError
from slimtorch.project.config.torch import gpu

if TYPE_CHECKING:
    from collections.abc import Callable

    from slimtorch.tables.gpus import Gpu

LONGEST = 86_400.0
"""Seconds that a service may be waited for: a day."""

project = click.argument("project", type=click.Path(path_type=Path), default=".", required=False)
format_ = click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="How the result is printed."
)
fail_on = click.option(
    "--fail-on",
    type=click.Choice([severity.name.lower() for severity in reversed(Severity)]),
    default="error",
    show_default=True,
    help="The mildest finding that makes the exit code 1.",
)


def gpus(_context: click.Context, _option: click.Parameter, names: tuple[str, ...]) -> tuple[Gpu, ...]:
    """The GPUs of names or compute capabilities, each once.

    Raises:
        UsageError: a GPU is not known.
    """
    return tuple(dict.fromkeys(map(_gpu, names)))


def _gpu(name: str) -> Gpu:
    try:
        return gpu(name)
    except BadValueError as error:
        # The hint is written for the configuration file.
        hint = re.sub(r'gpus = \["(.+?)"\]', r"--gpu \1", error.hint)
        raise UsageError(f"--gpu {error}", hint=hint) from None


def writable(_context: click.Context, option: click.Parameter, file: Path | None) -> Path | None:
    """A file that can be written once all else is done.

    Raises:
        UsageError: its folder is missing, or may not be written to.
    """
    if file is None:
        return None
    folder = file.resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(
            f"{option.opts[0]}: {folder} is no folder that can be written to", hint="make it, or name another file"
        )
    return file


def positive(context: click.Context, option: click.Parameter, value: float) -> float:
    """A time in seconds that somebody may wait."""
    if not 0 < value <= LONGEST:  # also false for "nan"
        raise click.BadParameter(f"{value} is not a time between 0 and {LONGEST:g} seconds", context, option)
    return value


def package_sources(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say, for this run only, where packages come from."""
    for option in reversed(
        (
            click.option(
                "--index-url", default="", metavar="URL", help="Python index to use instead of the configured one."
            ),
            click.option("--extra-index-url", multiple=True, metavar="URL", help="Another Python index to look in."),
            click.option("--find-links", multiple=True, metavar="PLACE", help="A folder or page of wheels to look in."),
            click.option(
                "--apt-mirror", default="", metavar="URL", help="Debian mirror to use instead of the configured one."
            ),
        )
    ):
        command = option(command)
    return command
