"""How a requirement changed between two versions of a distribution, and which part of its marker decided (PEP 508)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from slimtorch.inventory.needs import Edge

_CALLED = {"x86_64": "amd64", "aarch64": "arm64"}
_ATOM = re.compile(
    r"""\s*(?:\(|\)|\b(?:and|or)\b)\s*|((?:"[^"]*"|'[^']*'|[^"'()])+?)(?=\s*(?:\(|\)|\b(?:and|or)\b|$))"""
)
"""Of a marker as `packaging` writes it."""

_HERE = re.compile(r"\b(?:platform_machine|platform_system|sys_platform)\b")


def told(edge: Edge, others: Iterable[str], environment: Mapping[str, str], *, came: bool) -> tuple[str, str]:
    """What changed about a requirement that holds (`edge`) and did not, or does not any more, on the other side.

    `others` are the Requires-Dist lines of the other version: the old one where the package `came`, else the new one.
    Returned are a few words (``changed its arm64 marker``), and both lines with the part that decided.
    """
    others = tuple(others)
    line = _named(others, edge.needed)
    if line is None:
        return _without_line(edge, others, environment, came=came)
    old, new = (line, edge.line) if came else (edge.line, line)
    if _marker(old) == _marker(new):
        extra = edge.extra or next(iter(extras(line)), "")
        if extra:
            return f"is asked for with other extras ({extra})", f"needs {new} for its extra {extra}"
        return "brings other packages", f"needs {new}"
    false, true = (old, new) if came else (new, old)
    decided = [atom for atom in _atoms(_marker(false)) if not holds(atom, environment)]
    decided = [atom for atom in decided if atom not in _atoms(_marker(true))] or decided
    return f"changed its {_subject(decided, environment)} marker", _detail(old, new, decided, came=came)


def _without_line(edge: Edge, others: Iterable[str], environment: Mapping[str, str], *, came: bool) -> tuple[str, str]:
    """The other version does not name the package. A kin of it may be named, and kept out of here by its marker."""
    plain = f"needs {edge.line}, and did not before" if came else f"needed {edge.line}, and does not any more"
    for line in others:
        decided = [atom for atom in _atoms(_marker(line)) if not holds(atom, environment)]
        if _family(_name(line)) == _family(edge.needed) and not extras(line) and any(map(_HERE.search, decided)):
            other = f"{'was' if came else 'is'} {line}, which {'was' if came else 'is'} not for here"
            return f"changed its {_subject(decided, environment)} marker", f"{plain}: the like of it {other}"
    return "needs more packages" if came else "needs fewer packages", plain


def _family(name: str) -> str:
    """CUDA's parts changed their names (``nvidia-cublas-cu12``, ``cuda-toolkit``) and are still the same thing."""
    first = name.partition("-")[0]
    return "cuda" if first == "nvidia" else first


def _detail(old: str, new: str, decided: list[str], *, came: bool) -> str:
    why = f" ({' and '.join(decided)} {'was' if came else 'is'} not so here)" if decided else ""
    return f"the marker of {_name(new)} was {_marker(old) or 'none'}, and is {_marker(new) or 'none'}{why}"


def _subject(decided: Iterable[str], environment: Mapping[str, str]) -> str:
    """What the marker is about: the processor by its platform's name, else the variable."""
    for atom in decided:
        if "platform_machine" in atom:
            machine = environment.get("platform_machine", "")
            return _CALLED.get(machine, machine) or "platform_machine"
    found = re.findall(r"[a-z][a-z_]+(?=\s*(?:[<>=!~]|not in|in))", " ".join(decided))
    return found[0] if found else "own"


def _named(lines: Iterable[str], name: str) -> str | None:
    """The line for this distribution; of several, one without an extra."""
    found = [line for line in lines if _name(line) == name]
    return min(found, key=lambda line: (bool(extras(line)), line), default=None)


def _name(line: str) -> str:
    match = re.match(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)", line)
    return canonicalize_name(match[1]) if match else ""


def _marker(line: str) -> str:
    try:
        return str(Requirement(line).marker or "")
    except InvalidRequirement:
        return ""


def extras(line: str) -> list[str]:
    """The extras that the marker of a Requires-Dist line asks for."""
    return re.findall(r"""extra\s*==\s*["']([^"']+)["']""", line)


def complete(lines: Iterable[str], extra: str, present: Container[str], environment: Mapping[str, str]) -> bool:
    """Whether everything that an extra brings is present: where something is not, nobody asked for that extra."""
    brought = [line for line in lines if extra in extras(line) and holds(_marker(line), environment, extra)]
    return all(_name(line) in present for line in brought)


def _atoms(marker: str) -> list[str]:
    """The single comparisons of a marker."""
    return [match[1].strip() for match in _ATOM.finditer(marker) if match[1] and match[1].strip()]


def holds(marker: str, environment: Mapping[str, str], extra: str = "") -> bool:
    """Whether a marker holds; one that cannot be read does."""
    try:
        return Marker(marker).evaluate({**environment, "extra": extra})
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName):
        return True
