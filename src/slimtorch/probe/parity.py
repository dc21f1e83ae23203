"""What loads, imports and computes in a tree, and whether two trees are alike in it. The trees' word is not trusted."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from slimtorch.errors import ToolError
from slimtorch.host.engines.trial import reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from slimtorch.probe.place import Place, Started

PATIENCE, LONGEST = 120.0, 1800.0
"""Seconds: of silence of one step, and of everything together."""
WORKERS = 2
_DIGEST = re.compile(r"[0-9a-f]{64}")
_CHANGING = re.compile(r"0x[0-9a-f]+")
_MOST = 100_000
"""Lines of a report; a tree with more libraries and modules is none that was asked about."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is tried, by paths relative to the tree. `known` are its libraries by name, for those that nobody finds.

    `numbers` asks for the operator families where torch is there.
    """

    libraries: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)
    numbers: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened: '' or the reason for each library and import, a digest or an error for each family of numbers."""

    libraries: Mapping[str, str]
    imports: Mapping[str, str]
    numbers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that went well before and does not now, or gave something else. `kind` is a field of `Outcome`."""

    kind: str
    name: str
    before: str
    after: str


def observe(place: Place, started: Started, order: Order) -> Outcome:
    """What happens in the place.

    Raises:
        ToolError: its interpreter gave no report.
    """
    script = files("slimtorch.probe.in_image").joinpath("parity.py").read_text(encoding="utf-8")
    job = {
        "sites": [os.path.normpath(f"{started.prefix}{site}") for site in place.sites or ()],
        "libraries": [started.prefix + path for path in order.libraries],
        "known": {name: started.prefix + path for name, path in order.known.items()},
        "imports": order.imports,
        "battery": operators() if order.numbers else {},
        "patience": PATIENCE,
        "workers": WORKERS,
    }
    done = started.call(["-c", script], json.dumps(job).encode(), LONGEST)
    if done.status != 0:
        raise ToolError(f"the interpreter did not come to the end: {reason(done)}", output=done.last_lines)
    return parse(done.stdout, order, started.prefix)


def operators() -> dict[str, str]:
    """The sources of the package of operator families, by file name."""
    folder = files("slimtorch.probe.in_image").joinpath("operators")
    sources = [item for item in folder.iterdir() if item.name.endswith(".py")]
    return {item.name: item.read_text(encoding="utf-8") for item in sorted(sources, key=lambda item: item.name)}


def parse(output: bytes, order: Order, prefix: str) -> Outcome:
    """The report in the last line, with paths relative to the tree again.

    What was asked for and not answered counts as failed.

    Raises:
        ToolError: there is no report, or it is none.
    """
    try:
        value = json.loads(output.decode(errors="replace").splitlines()[-1])
        kinds = {kind: _texts(value[kind], prefix) for kind in ("libraries", "imports", "numbers")}
    except (ValueError, IndexError, KeyError, TypeError, RecursionError):
        last = output[-500:].decode(errors="replace")
        raise ToolError("the interpreter in the tree gave no report", output=last) from None
    wanted = {"libraries": order.libraries, "imports": order.imports}
    for kind, names in wanted.items():
        kinds[kind] = {name: kinds[kind].get(name, "no answer") for name in names}
    return Outcome(**kinds)


def _texts(value: Any, prefix: str) -> dict[str, str]:  # noqa: ANN401  (JSON)
    if not isinstance(value, dict) or len(value) > _MOST:
        raise TypeError
    return {_plain(name, prefix): _plain(text, prefix) for name, text in value.items()}


def _plain(text: object, prefix: str) -> str:
    if not isinstance(text, str):
        raise TypeError
    shown = "".join(letter if letter.isprintable() else " " for letter in text.encode(errors="replace").decode())
    # The root itself is no prefix worth cutting out: every path begins with it.
    at_root = shown.removeprefix("/") if prefix == "/" else shown.replace(prefix, "")
    return _CHANGING.sub("0x…", at_root)


def differences(before: Outcome, after: Outcome) -> Iterator[Difference]:
    """What is worse or other after than before.

    A library that did not load before must fail with the same words or load; an import that failed is not judged; a
    family of numbers must be the same, bytes or error.
    """
    for name, was in before.libraries.items():
        now = after.libraries.get(name, "no answer")
        if now not in {"", was}:
            yield Difference("libraries", name, was, now)
    for name, was in before.imports.items():
        now = after.imports.get(name, "no answer")
        if now and not was:
            yield Difference("imports", name, was, now)
    for name, was in before.numbers.items():
        now = after.numbers.get(name, "no answer")
        if now != was and (_DIGEST.fullmatch(was) or not _DIGEST.fullmatch(now)):
            yield Difference("numbers", name, was, now)


def computed(outcome: Outcome) -> int:
    """How many families of numbers gave a result."""
    return sum(_DIGEST.fullmatch(text) is not None for text in outcome.numbers.values())
