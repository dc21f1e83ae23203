"""Text → `Document`, as pip reads it (pip/_internal/req/req_file.py): nothing is lost, nothing is looked up."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from slimtorch.project.requirements_text import options, places
from slimtorch.project.requirements_text.model import Document, Kind, Line

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 1_000_000
"""Characters of one logical line; a requirement with a hash for each of a thousand wheels has a tenth."""

CONDA = re.compile(r"@EXPLICIT|([A-Za-z0-9_.-]+)=[^=\s]+=[^=\s]+")
"""A line of ``conda list --export``: ``name=version=build``."""

_COMMENT = re.compile(r"(?:^|\s)#")
_WHOLE_COMMENT = re.compile(r"\s*#")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
_NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\])?\s*@\s")
_SECRET = re.compile(r"(://)[^/@\s]+@")
_KINDS = {"--editable": Kind.EDITABLE, "--requirement": Kind.INCLUDE, "--constraint": Kind.CONSTRAINT}


@dataclass(frozen=True, slots=True)
class _Text:
    """A logical line before it is understood."""

    number: int
    raw: str
    value: str
    comment: str


def parse(text: str) -> Document:
    """The document of a text; ``parse(text).text == text`` whatever the text is.

    Lines end where pip ends them: at every line end that `str.splitlines` knows, a form feed among them.
    """
    lines = tuple(_understand(one) for one in _logical(text))
    first = text.splitlines(keepends=True)[0] if text else ""
    return Document(lines, newline=first[len(first.rstrip("\r\n")) :] or "\n")


def _logical(text: str) -> Iterator[_Text]:
    raw, start, value = "", 0, ""
    for number, physical in enumerate(text.splitlines(keepends=True), 1):
        start = start if raw else number
        raw += physical
        bare = physical.splitlines()[0]
        bare = bare.removeprefix("\ufeff") if number == 1 else bare
        # pip: a line that is all comment ends what was continued, and continues nothing; any other backslash does.
        if bare.endswith("\\") and not _WHOLE_COMMENT.match(bare):
            value = _joined(value, bare.strip("\\"))
            continue
        yield _text(start, raw, _joined(value, " " + bare if _WHOLE_COMMENT.match(bare) else bare))
        raw, value = "", ""
    if raw:
        yield _text(start, raw, value)


def _joined(left: str, right: str) -> str:
    """Both, with one space where there was any between them."""
    if not left:
        return right
    space = " " if left[-1:].isspace() or right[:1].isspace() else ""
    return left.rstrip() + space + right.lstrip()


def _text(number: int, raw: str, joined: str) -> _Text:
    if match := _COMMENT.search(joined):
        return _Text(number, raw, joined[: match.start()].strip(), joined[match.end() :].strip())
    return _Text(number, raw, joined.strip(), "")


def _understand(text: _Text) -> Line:
    plain = Line(Kind.REQUIREMENT, text.number, text.raw, text.value, text.comment, logical=text.value)
    if not text.value:
        return replace(plain, kind=Kind.COMMENT if _COMMENT.search(text.raw.lstrip("\ufeff")) else Kind.BLANK)
    if len(text.value) > LONGEST:
        return replace(plain, problem=f"the line is longer than {LONGEST} characters")
    bare, given = options.split(text.value)
    try:
        found, problem = options.parse(given), ""
    except options.BadOptionError as bad:
        found, problem = (), f"{_shown(given)!r}: {bad}"
    plain = replace(plain, options=found)
    if not bare:
        return _option(replace(plain, kind=Kind.OPTION, problem=problem))
    hashes = tuple(value for name, value in found if name == "--hash")
    line = _requirement(replace(plain, hashes=hashes), bare)
    return replace(line, problem=line.problem or problem)


def _option(line: Line) -> Line:
    for name, kind in _KINDS.items():
        if value := next((value for option, value in line.options if option == name), ""):
            line = replace(line, kind=kind, value=value)
            return _placed(line, value) if kind is Kind.EDITABLE else line
    return line


def _requirement(line: Line, bare: str) -> Line:
    if match := CONDA.fullmatch(bare):
        name = canonicalize_name(match[1]) if match[1] else ""
        return replace(line, name=name, problem=_conda(bare))
    try:
        requirement = _with_variables(bare)
    except RecursionError:
        return replace(line, name=_guess(bare), problem=f"{_shown(bare)!r} is nested too deeply")
    except InvalidRequirement as bad:
        if places.is_place(bare) and not _NAMED.match(bare):
            return _placed(replace(line, kind=Kind.PLACE), bare)
        reason = str(bad).splitlines()[0]
        return replace(line, name=_guess(bare), problem=f"{_shown(bare)!r} is not a requirement ({reason})")
    if requirement is None or (not requirement.url and places.is_place(requirement.name)):
        return _placed(replace(line, kind=Kind.PLACE), bare)
    return replace(line, name=canonicalize_name(requirement.name), requirement=requirement)


def _placed(line: Line, text: str) -> Line:
    try:
        requirement = Requirement(text)
    except (InvalidRequirement, RecursionError):
        requirement = None
    if requirement and requirement.url:
        return replace(line, name=canonicalize_name(requirement.name), requirement=requirement)
    name, extras, marker = places.named(text)
    return replace(line, name=name, extras=extras, marker=marker)


def _with_variables(bare: str) -> Requirement | None:
    """The requirement, without a version that a variable holds; None where a variable holds the name.

    pip puts the variables in before it looks. Here they are unknown: a placeholder keeps the line a requirement.
    """
    if not _VARIABLE.search(bare):
        return Requirement(bare)
    requirement = Requirement(_VARIABLE.sub("0", bare))
    if not bare.startswith(requirement.name):
        return None
    requirement.specifier = SpecifierSet()
    if requirement.url:
        requirement.url = bare.partition("@")[2].partition(" ;")[0].strip()
    return requirement


def _guess(bare: str) -> str:
    """The name of a line that is no requirement, for messages."""
    match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", bare)
    return canonicalize_name(match[0]) if match else ""


def _conda(bare: str) -> str:
    return f"{bare!r} is a line of a conda export; `pip list --format=freeze` writes pip's form"


def _shown(text: str) -> str:
    """The text without user names and passwords of addresses, at a length that fits a message."""
    text = _SECRET.sub(r"\1…@", text)
    return text if len(text) <= 200 else text[:200] + "…"
