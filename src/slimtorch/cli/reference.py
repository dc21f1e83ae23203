"""The references of commands and rules, as Markdown, from their own declarations.

``python -m slimtorch.cli.reference commands > docs/reference/commands.md`` and
``python -m slimtorch.cli.reference rules > docs/reference/rules.md`` refresh them; tests compare.
"""

from __future__ import annotations

import sys
from inspect import cleandoc
from typing import TYPE_CHECKING

import click

from slimtorch.cli.main import cli
from slimtorch.deps.check.rules import RULES as DEPENDENCY_RULES
from slimtorch.probe.rules import RULES
from slimtorch.probe.tracing import RULES as TRACE_RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slimtorch.findings import Rule

_WRITTEN = "<!-- Written by `python -m slimtorch.cli.reference {}`; a test keeps it current. -->\n"
_COMMANDS = f"""\
# Commands

{_WRITTEN.format("commands")}
Results go to stdout, everything else to stderr, so that commands nest in scripts. Options that stand above a command
(`-C`, `--offline`, `--cache-dir`, `--quiet`) come before its name: `slimtorch --offline build`.

| exit code | meaning |
|---|---|
| 0 | fine |
| 1 | findings at or above `--fail-on`, or a damaged blob in the cache |
| 2 | usage, configuration or environment: the message says what to do |
| 101 | a bug in slimtorch |
| 130 | interrupted |

| variable | meaning |
|---|---|
| `SLIMTORCH_CACHE` | the cache, as `--cache-dir`; without both, `$XDG_CACHE_HOME/slimtorch` or `~/.cache/slimtorch` |
| `SOURCE_DATE_EPOCH` | the image's date in seconds since 1970 (0 when it is not set) |
| `NO_COLOR` | no colours |
| `PIP_*`, `UV_*`, `SSL_CERT_FILE`, `HTTPS_PROXY` … | where packages come from: [locking](../guides/locking.md) |

A reference says where an image lives:

| reference | what it is | compressed with |
|---|---|---|
| `oci:DIR[:TAG]` | an OCI layout, one folder for many images | zstd |
| `archive:FILE` | one file that is an OCI archive and a docker archive at once | gzip |
| `docker:NAME[:TAG]` | an image of the Docker daemon | gzip |
| `podman:NAME[:TAG]` | an image of podman | gzip |
| `dir:PATH` | an unpacked root file system | not at all |

A path that exists may be given bare: `slimtorch show digits.tar`. With `@sha256:…` at its end, as the commands print
it, a reference insists on that digest.
"""
_RULES = f"""\
# Rules

{_WRITTEN.format("rules")}
Every finding names its rule. A rule's severity may be milder in a single case; `--fail-on` decides from which one on
the exit code is 1.
"""
_TABLES = {
    "`slimtorch verify`": ("[verifying](../guides/verifying.md)", RULES),
    "`slimtorch trace`": ("[tracing](../guides/tracing.md)", TRACE_RULES),
    "`slimtorch deps`": ("[dependencies](../guides/dependencies.md)", DEPENDENCY_RULES),
}
_HEAD = """
## Rules of {}

How they are used: {}.

| rule | severity | asks that | because | way out |
|---|---|---|---|---|
"""


def commands() -> str:
    """The reference of every command and option."""
    return "".join([_COMMANDS, *(part for found in everything() for part in _command(found))])


def rules() -> str:
    """The reference of every rule, one table a command."""
    parts = [_RULES]
    for command, (guide, found) in _TABLES.items():
        parts += [_HEAD.format(command, guide), *map(_rule, found)]
    return "".join(parts)


def _context() -> click.Context:
    return click.Context(cli, info_name="slimtorch", **cli.context_settings)


def everything() -> Iterator[click.Context]:
    """A context for `slimtorch` itself and for each of its commands, in the order of the help."""
    return _below(cli, _context())


def _below(command: click.Command, context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            if found := command.get_command(context, name):
                yield from _below(found, click.Context(found, info_name=name, parent=context))


def _command(context: click.Context) -> Iterator[str]:
    usage = " ".join(context.command.collect_usage_pieces(context))
    yield f"\n## `{context.command_path}`\n\n```text\n{context.command_path} {usage}\n```\n\n"
    yield _prose(context.command.help or "")
    yield from _options(context)


def _prose(text: str) -> str:
    """Click's help as Markdown: what stands below its "keep these lines" mark keeps its lines."""
    parts = []
    for paragraph in cleandoc(text).split("\n\n"):
        kept, marker, block = paragraph.partition("\b\n")
        parts.append(f"```text\n{block}\n```" if marker else kept)
    return "\n\n".join(parts) + "\n"


def _options(context: click.Context) -> Iterator[str]:
    yield "\n| option | what it does |\n|---|---|\n"
    for option in context.command.get_params(context):
        record = option.get_help_record(context) if isinstance(option, click.Option) else None
        if record:
            names, meaning = record
            yield f"| `{_cell(names)}` | {_cell(meaning.replace('  [', ' ['))} |\n"


def _rule(rule: Rule) -> str:
    cells = (rule.id, rule.severity.name.lower(), rule.what, rule.why, rule.fix)
    return f"| {' | '.join(map(_cell, cells))} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write({"commands": commands, "rules": rules}[sys.argv[1]]())
