"""The options of a requirements file, read by `optparse` as pip does: abbreviations, ``-rNAME``, quotes."""

from __future__ import annotations

import functools
import optparse
import shlex
from typing import NoReturn

# With a value, then without; the first name is the one that is reported. Those of pip 23 to 26.
_VALUED = (
    ("--requirement", "-r"), ("--constraint", "-c"), ("--editable", "-e"), ("--index-url", "-i", "--pypi-url"),
    ("--extra-index-url",), ("--find-links", "-f"), ("--no-binary",), ("--only-binary",), ("--trusted-host",),
    ("--use-feature",), ("--all-releases",), ("--only-final",), ("--hash",), ("--global-option",),
    ("--config-settings", "--config-setting", "-C"),
)  # fmt: skip
_FLAGS = ("--no-index", "--prefer-binary", "--require-hashes", "--pre")


class BadOptionError(ValueError):
    """An option that pip refuses; the text says why."""


class _Parser(optparse.OptionParser):
    def error(self, msg: str) -> NoReturn:
        raise BadOptionError(msg)


def split(line: str) -> tuple[str, str]:
    """A logical line as its requirement and its options: these begin with the first word that starts with ``-``."""
    words = line.split(" ")
    start = next((index for index, word in enumerate(words) if word.startswith("-")), len(words))
    return " ".join(words[:start]).strip(), " ".join(words[start:]).strip()


def parse(text: str) -> tuple[tuple[str, str], ...]:
    """The options of a line in their long form, with their values ('' for a flag), in their order.

    Raises:
        BadOptionError: an option that pip does not take in a file, one without its value, or a quote that is open.
    """
    if not text:
        return ()
    try:
        words = shlex.split(text)
    except ValueError:
        raise BadOptionError("a quote is not closed") from None
    found: list[tuple[str, str]] = []
    values = optparse.Values({"found": found})
    _parser().parse_args(words, values)
    return tuple(found)


@functools.cache
def _parser() -> optparse.OptionParser:
    parser = _Parser(add_help_option=False, usage="")
    for names in _VALUED:
        parser.add_option(*names, action="callback", type="string", callback=_note)
    for name in _FLAGS:
        parser.add_option(name, action="callback", callback=_note)
    return parser


def _note(option: optparse.Option, _name: str, value: str | None, parser: optparse.OptionParser) -> None:
    parser.values.found.append((option._long_opts[0], value or ""))  # type: ignore[union-attr]  # noqa: SLF001
