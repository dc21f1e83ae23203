"""The command line as it is written about: in the generated reference, and in every example."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from slimtorch.cli import reference
from slimtorch.cli.main import cli
from slimtorch.deps.check.rules import RULES as DEPENDENCY_RULES
from slimtorch.probe.rules import RULES as VERIFY_RULES
from slimtorch.probe.tracing import RULES as TRACE_RULES
from slimtorch.project.config import reference as configuration
from tests.docs.pages import PAGES, Page

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RULES = (*VERIFY_RULES, *TRACE_RULES, *DEPENDENCY_RULES)
every_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
GENERATED = {
    "docs/reference/commands.md": reference.commands,
    "docs/reference/rules.md": reference.rules,
    "docs/reference/configuration.md": configuration.markdown,
}


@pytest.mark.parametrize("name", GENERATED)
def test_generated_pages_are_current(name: str) -> None:
    assert PAGES[name].text == GENERATED[name](), "write it again as its first comment says"


def test_the_generator_runs_as_its_pages_say() -> None:
    argv = [sys.executable, "-m", "slimtorch.cli.reference", "rules"]
    assert subprocess.run(argv, capture_output=True, check=True, text=True).stdout == reference.rules()


def test_the_reference_has_every_command_and_option_of_the_help_and_no_other() -> None:
    sections = dict(re.findall(r"^## `(slimtorch[^`]*)`\n(.*?)(?=^## |\Z)", _commands(), re.MULTILINE | re.DOTALL))
    contexts = {found.command_path: found for found in reference.everything()}
    assert sections.keys() == contexts.keys()
    assert {"slimtorch build", "slimtorch cache prune"} <= sections.keys()
    for path, context in contexts.items():
        helped = set(re.findall(r"^  (?:-\w, )?(--?[A-Za-z][\w-]*)", context.get_help(), re.MULTILINE))
        written = set(re.findall(r"^\| `(?:-\w, )?(--?[A-Za-z][\w-]*)", sections[path], re.MULTILINE))
        assert helped == written, path


def _commands() -> str:
    return PAGES["docs/reference/commands.md"].text


def test_the_rules_page_has_every_rule_once() -> None:
    assert re.findall(r"^\| ([A-Z]{3}\d+) ", PAGES["docs/reference/rules.md"].text, re.MULTILINE) == [
        r.id for r in RULES
    ]


@every_page
def test_every_rule_that_a_page_names_exists(page: Page) -> None:
    assert set(re.findall(r"(?:RUN|TRC|DEP)\d{3}", page.text)) <= {rule.id for rule in RULES}


@every_page
def test_every_command_in_an_example_is_one(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    wrong = [f"{shlex.join(argv)}: {why}" for argv in _examples(page) if (why := _mistake(argv))]
    assert not wrong


@every_page
def test_every_command_in_the_prose_is_one(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spoken = [list(argv) for code in page.code for argv in _calls(code)]
    wrong = [shlex.join(argv) for argv in spoken if (why := _mistake(argv)) and "Missing" not in why]
    assert not wrong


def test_there_are_examples_and_a_wrong_one_would_be_found() -> None:
    assert len(list(_examples(PAGES["README.md"]))) >= 4
    assert list(_calls("docker run $(slimtorch build -o docker:x) | tee --x && slimtorch show y")) == [
        ("build", "-o", "docker:x"),
        ("show", "y"),
    ]
    for words in (["biuld"], ["build", "--lokced"], ["verify"], ["lock", "a", "b"], ["cache", "list", "--format", "x"]):
        assert _mistake(words)
    assert not _mistake(["--offline", "cache", "prune", "--keep", "20GB"])


def _examples(page: Page) -> Iterator[tuple[str, ...]]:
    for block in page.blocks("console"):
        lines = re.sub(r"\\\n\s*", "", block).splitlines()
        for line in lines:
            if line.startswith("$ "):
                yield from _calls(line.removeprefix("$ "))
    for block in page.blocks("sh", "yaml"):
        for line in block.splitlines():
            yield from _calls(re.sub(r"^\s*(?:- |run: )*", "", line))


def _calls(line: str) -> Iterator[tuple[str, ...]]:
    """The arguments of every call of slimtorch in a shell's line; what a sentence only mentions is none."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.commenters = "#"
    lexer.whitespace_split = True
    argv: list[str] | None = None
    first = True
    try:
        words = list(lexer)
    except ValueError:  # a single quotation mark: not a command
        return
    for word in [*words, ";"]:
        if set(word) <= set("();<>|&"):
            if argv is not None:
                yield tuple(argv)
            argv, first = None, True
        elif argv is not None:
            argv.append(word)
        else:
            argv = [] if first and word.endswith("slimtorch") and "=" not in word else None
            first = word.endswith("$")


def _mistake(words: list[str] | tuple[str, ...]) -> str:
    """What click finds wrong with the arguments; '' for nothing. No command is run."""
    command: click.Command = cli
    context = click.Context(cli, info_name="slimtorch", **cli.context_settings)
    rest = list(words)
    try:
        while isinstance(command, click.Group):
            if not rest or "--help" in rest or "--version" in rest:
                return ""
            _, rest, _ = command.make_parser(context).parse_args(rest)
            if not rest:
                return ""
            name, found, rest = command.resolve_command(context, rest)
            command, context = found or command, click.Context(found or command, info_name=name, parent=context)
        command.make_context(context.info_name, rest, parent=context.parent)
    except click.exceptions.ClickException as error:
        return error.format_message()
    return ""
