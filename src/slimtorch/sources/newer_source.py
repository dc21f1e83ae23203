"""Only wheels are taken, so that nothing is built: says where that passed over a newer version."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from slimtorch.errors import SlimtorchError
from slimtorch.project.requirements_text import walk
from slimtorch.sources import uv
from slimtorch.sources.uv import Question
from slimtorch.sources.wheels import same_version

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from slimtorch.project.lock import LockedWheel
    from slimtorch.sources.request import Request, Tools


def notes(wheels: Sequence[LockedWheel], request: Request, tools: Tools) -> list[str]:
    """One sentence for each wheel whose newer version exists only as source; none where that cannot be told.

    The newer version is one that the project's own requirements allow. A wheel that something else holds back (a
    limit of another package, the last lock) is not spoken of. Nothing is built, nothing but index pages is read.
    """
    indexed = {wheel.name: wheel for wheel in wheels if not wheel.url}
    if request.requirements.lock or not indexed:
        return []
    try:
        question = Question(lines=_lines(indexed, request), alone=True, pages_only=True)
        newest = uv.compile_versions(request, tools, question)
        passed = [name for name, wheel in indexed.items() if _newer(newest.get(name, ""), wheel.version)]
        if not passed:
            return []
        # Held back by something else than the lack of a wheel, where a newer wheel could have been taken.
        with_wheel = uv.compile_versions(request, tools, Question(("--no-deps",), _lines(passed, request), alone=True))
    except SlimtorchError:
        return []
    return [
        f"{name} {newest[name]} exists only as source for {request.label}; "
        f"{indexed[name].version} was taken, the newest with a wheel"
        for name in sorted(passed)
        if same_version(with_wheel.get(name, ""), indexed[name].version)
    ]


def _lines(names: Collection[str], request: Request) -> tuple[str, ...]:
    """Each name by itself, and once more with every limit that is set for it; none that stands for an address."""
    given = [(canonicalize_name(item.name), item) for item in _given(request)]
    plain = set(names) - {name for name, item in given if item.url}
    limits = [
        f"{name}{item.specifier}" + (f" ; {item.marker}" if item.marker else "")
        for name, item in given
        if name in plain and item.specifier
    ]
    return (*sorted(plain), *limits)


def _given(request: Request) -> Iterator[Requirement]:
    """The requirements that the project and this machine's constraints write down, as far as they can be read."""
    for line in request.requirements.inline:
        with suppress(InvalidRequirement):
            yield Requirement(line)
    constraints = [Path(place) for place in request.indexes.constraints if "://" not in place]
    files, _ = walk([*request.requirements.files, *constraints])
    for file in files:
        yield from (line.requirement for line in file.document.lines if line.requirement)


def _newer(one: str, other: str) -> bool:
    try:
        return Version(one) > Version(other)
    except InvalidVersion:
        return False
