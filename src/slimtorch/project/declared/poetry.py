"""Poetry's way of writing versions, and Pipenv's, as PEP 508 (python-poetry.org: "Dependency specification")."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 1000
"""Characters of a version."""

_OPERATOR = re.compile(r"(===|==|~=|!=|<=|>=|<|>|\^|~|=)?\s*(\S+)")
_RELEASE = re.compile(r"v?(\d+(?:\.\d+)*)(.*)", re.DOTALL)
_MARKERS = (
    "sys_platform", "platform_machine", "platform_system", "os_name", "python_version", "python_full_version",
    "platform_python_implementation", "implementation_name",
)  # fmt: skip


class BadVersionError(ValueError):
    """A version that cannot be understood."""


def requirement(name: str, spec: object) -> str:
    """The PEP 508 line of one entry of a table of dependencies.

    Where alternatives (``^1 || ^2``) cannot be said in PEP 508, the version is left out.

    Raises:
        BadVersionError: the entry is neither a text nor a table, or its version is none.
    """
    if isinstance(spec, str):
        return _checked(f"{name}{specifier(spec)}")
    if not isinstance(spec, dict):
        raise BadVersionError("must be a version or a table")
    extras = [one for one in spec.get("extras", []) if isinstance(one, str)] if _listed(spec) else []
    bare = f"{name}[{','.join(extras)}]" if extras else name
    place = _place(spec)
    text = f"{bare} @ {place}" if place else bare + specifier(str(spec.get("version", "*")))
    marker = _marker(spec)
    return _checked(f"{text} ; {marker}" if marker else text)


def specifier(text: str) -> str:
    """A version of Poetry as a PEP 440 specifier: ``^1.2`` is ``>=1.2,<2``, ``~1.2`` is ``>=1.2,<1.3``.

    Raises:
        BadVersionError: it is not a version.
    """
    if len(text) > LONGEST:
        raise BadVersionError(f"is longer than {LONGEST} characters")
    if "|" in text:
        return ""
    # An operator may stand apart from its version, and a space may stand for the comma between two.
    parts = re.findall(r"(?:===|==|~=|!=|<=|>=|<|>|\^|~|=)\s*[^\s,]+|[^\s,]+", text)
    return ",".join(one for part in parts if (one := _one(part.strip())))


def _one(part: str) -> str:
    match = _OPERATOR.fullmatch(part)
    if not match:
        raise BadVersionError(f"{part!r} is not a version")
    operator, version = match[1] or "", match[2]
    if version == "*":
        return ""
    if operator in {"^", "~"}:
        return _between(version, caret=operator == "^")
    return f"{'==' if operator in {'', '='} else operator}{version}"


def _between(version: str, *, caret: bool) -> str:
    match = _RELEASE.fullmatch(version)
    if not match:
        raise BadVersionError(f"{version!r} is not a version")
    parts = [int(part) for part in match[1].split(".")]
    # The caret keeps the first part that is not zero; the tilde keeps major and minor.
    keep = (
        next((index for index, part in enumerate(parts) if part), len(parts) - 1) if caret else min(1, len(parts) - 1)
    )
    upper = [*parts[:keep], parts[keep] + 1]
    return f">={version},<{'.'.join(map(str, upper))}"


def _place(spec: Mapping[str, Any]) -> str:
    if isinstance(git := spec.get("git"), str):
        at = next((f"@{spec[key]}" for key in ("rev", "tag", "branch", "ref") if spec.get(key)), "")
        git = re.sub(r"^([^/@:]+@[^/:]+):", r"ssh://\1/", git)
        return f"git+{git}{at}"
    for key in ("url", "path", "file"):
        if isinstance(value := spec.get(key), str) and value:
            return value
    return ""


def _marker(spec: Mapping[str, Any]) -> str:
    parts = [str(spec["markers"])] if spec.get("markers") else []
    if isinstance(python := spec.get("python"), str):
        bounds = [one for one in specifier(python).split(",") if one]
        parts += [_python(bound) for bound in bounds]
    parts += [f"{key} {spec[key]}" for key in _MARKERS if isinstance(spec.get(key), str)]
    return " and ".join(f"({part})" if " or " in part and len(parts) > 1 else part for part in parts)


def _python(bound: str) -> str:
    match = re.fullmatch(r"([<>=!~]+)(.*)", bound)
    if not match:
        raise BadVersionError(f"{bound!r} is not a version of Python")
    variable = "python_full_version" if match[2].count(".") > 1 and "*" not in match[2] else "python_version"
    return f'{variable} {match[1]} "{match[2]}"'


def _listed(spec: Mapping[str, Any]) -> bool:
    return isinstance(spec.get("extras", []), list)


def _checked(text: str) -> str:
    try:
        return str(Requirement(text))
    except InvalidRequirement as bad:
        raise BadVersionError(f"{text!r} is not a requirement ({str(bad).splitlines()[0]})") from None
    except RecursionError:
        raise BadVersionError("is nested too deeply") from None
