"""Requirements that are a path or an address: whether a text is one, and which name it tells."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz", ".tar.lz")
_ADDRESS = re.compile(r"file:|[A-Za-z][A-Za-z0-9+.-]*://")
_EXTRAS = re.compile(r"([^\[\]]+)\[([^\[\]]*)\]")


def is_place(text: str) -> bool:
    """Whether pip takes this for a path or an address: it has a slash, starts with a dot, or ends like an archive."""
    bare = text.partition(";")[0].strip()
    bare = match[1] if (match := _EXTRAS.fullmatch(bare)) else bare
    return (
        bare.startswith((".", "~", "${"))
        or "/" in bare
        or "\\" in bare
        or bool(_ADDRESS.match(bare))
        or bare.lower().endswith(ARCHIVES)
    )


def named(text: str) -> tuple[str, frozenset[str], str]:
    """The canonical name that a place tells ('' where it tells none), its extras and its marker.

    A name is told by ``#egg=name[extra]``, by the file name of a wheel (PEP 427) and by that of a source distribution
    (PEP 625); never guessed from a folder or a repository.
    """
    place, marker = _marker(text)
    place, _, fragment = place.partition("#")
    place, extras = _extras(place.strip())
    if egg := parse_qs(fragment).get("egg"):
        name, of_egg = _extras(egg[0].strip())
        name = name.partition("==")[0].strip()
        return (canonicalize_name(name) if _is_name(name) else ""), extras | of_egg, marker
    return _of_file(re.split(r"[/\\]", unquote(place.partition("?")[0]))[-1]), extras, marker


def _marker(text: str) -> tuple[str, str]:
    # In an address a semicolon is a character like others unless a space follows (pip: "; ").
    separator = "; " if _ADDRESS.match(text) else ";"
    place, found, marker = text.partition(separator)
    return place.strip(), marker.strip() if found else ""


def _extras(text: str) -> tuple[str, frozenset[str]]:
    if match := _EXTRAS.fullmatch(text):
        return match[1], frozenset(canonicalize_name(one) for one in match[2].split(",") if one.strip())
    return text, frozenset()


def _of_file(name: str) -> str:
    try:
        if name.endswith(".whl"):
            return parse_wheel_filename(name)[0]
        return parse_sdist_filename(name)[0]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return ""


def _is_name(text: str) -> bool:
    try:
        return Requirement(text).name == text
    except InvalidRequirement:
        return False
