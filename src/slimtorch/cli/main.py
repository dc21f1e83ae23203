"""Entry point: finds the command, runs it, turns errors into messages and exit codes.

Exit codes: 0 fine · 1 findings, or a failed proof · 2 usage, configuration or environment · 101 a bug in slimtorch.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slimtorch import __version__
from slimtorch.cli import console
from slimtorch.errors import ProofError, SlimtorchError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Looked up by name and imported when used, so that `slimtorch --help` and a small command stay quick.
COMMANDS = {
    "build": ("slimtorch.cli.build", "Build a project into an image, without a daemon."),
    "lock": ("slimtorch.cli.lock", "Pin every wheel and distribution package of a project."),
    "deps": ("slimtorch.cli.deps", "Say what production needs, and what it does not."),
    "verify": ("slimtorch.cli.verify", "Start an image and prove that it works."),
    "slim": ("slimtorch.cli.slim", "Take out what a service does not need, with a reason and a proof."),
    "trace": ("slimtorch.cli.trace", "Run an image and record what it uses."),
    "show": ("slimtorch.cli.show", "Show what an image is made of, in bytes."),
    "copy": ("slimtorch.cli.copy", "Copy an image from one place to another."),
    "cache": ("slimtorch.cli.cache", "List, prune or check the cache."),
}
FAILED, USAGE, BUG = 1, 2, 101


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """The commands, in the order of a user's first day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command called `cmd_name`, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table of commands, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="slimtorch")
@click.option(
    "-C", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Work in this folder."
)
@click.option("--offline", is_flag=True, help="Use only what the cache and the vendor folder hold.")
@click.option(
    "--cache-dir", type=click.Path(file_okay=False, path_type=Path), envvar="SLIMTORCH_CACHE", help="The cache."
)
@click.option("-q", "--quiet", is_flag=True, help="Print results and errors only.")
@click.pass_context
def cli(ctx: click.Context, folder: Path | None, cache_dir: Path | None, *, offline: bool, quiet: bool) -> None:
    """Light, safe, provable container images for PyTorch services.

    \b
    slimtorch build                          build the project in this folder to oci:dist/NAME
    slimtorch build -o docker:digits:v1      and load it into Docker
    slimtorch verify oci:dist/digits         start it, ask it, measure it
    slimtorch show oci:dist/digits           what each megabyte is for
    """  # noqa: D301  (click's \b keeps the examples' lines)
    if folder is not None:
        os.chdir(folder)  # noqa: TID251  (-C is what this option means, once, before any work)
    ctx.obj = console.machine(cache_dir, offline=offline, quiet=quiet)


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the command in `argv` and exits with its code."""
    sys.exit(run(argv))


def run(argv: Sequence[str] | None = None) -> int:
    """The exit code of the command in `argv`; its results are on stdout, everything else on stderr."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        result: Any = cli.main(argv, prog_name="slimtorch", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        console.say(error.format_message())
        return USAGE
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        console.error(error.format_message(), f"see `{context.command_path} --help`" if context else "")
        return USAGE
    except SlimtorchError as error:
        console.error(error.message, error.hint)
        return FAILED if isinstance(error, ProofError) else USAGE
    except OSError as error:
        console.error(*_environment(error))
        return USAGE
    except KeyboardInterrupt:
        return 130
    except Exception:  # noqa: BLE001  (the last line of defence: a bug is said to be one)
        traceback.print_exc()
        console.error("this is a bug in slimtorch", "please report it with the lines above")
        return BUG
    return result if isinstance(result, int) else 0


def _interrupt(_number: int, _frame: object) -> None:
    """SIGTERM (a cancelled job) unwinds like Ctrl-C, so that engines are stopped and temporary files removed."""
    raise KeyboardInterrupt


def _environment(error: OSError) -> tuple[str, str]:
    """What an unexpected answer of the operating system means to a user."""
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return (
            f"{where}no space left on the disk",
            "free some, or move the cache with --cache-dir; `slimtorch cache prune`",
        )
    return f"{where}{error.strerror or error}", ""
