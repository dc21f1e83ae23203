"""What uv prints, read: where each package came from, and why nothing fits. No address leaves this module."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.utils import canonicalize_name

from slimtorch.errors import FetchError, ResolveError, SlimtorchError

LINES, CHARACTERS = 12, 1200
_ADDRESS = re.compile(r"`?[a-z][a-z0-9+.-]*://[^\s`)]+`?", re.IGNORECASE)
_SOURCE_ONLY = re.compile(r"Wheels are required for `([^`]+)`")
_NEEDS_BUILD = re.compile(r"[Bb]uilding source distributions(?: for `?([^\s`]+)`?)? is disabled")
_NETWORK = ("dns error", "error sending request", "Could not connect", "Failed to fetch", "Request failed after")
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*(?:==|@)")

_UNFIT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\{[^}\n]*\})?==\S+ has no wheels with a matching")
_VERSION = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Annotation:
    """Why a package is there (`via`: names, and files as written) and the page of the index that it came from."""

    via: tuple[str, ...] = ()
    page: str = ""


def read_annotations(text: str) -> dict[str, Annotation]:
    """The annotations of ``uv pip compile --emit-index-annotation``, by package name."""
    found: dict[str, Annotation] = {}
    name, page = "", ""
    via: list[str] = []
    for line in [*text.splitlines(), "end =="]:
        comment = line.strip().removeprefix("#").strip()
        if line[:1].strip() and not line.startswith(("#", "-")):
            if name:
                found[name] = Annotation(tuple(via), page)
            match = _PIN.match(line)
            name, via, page = (canonicalize_name(match[1]) if match else ""), [], ""
        elif comment.startswith("from "):
            page = comment.removeprefix("from ")
        elif line.strip().startswith("#") and (reason := comment.removeprefix("via").strip()):
            via.append(reason)
    return found


def read_versions(text: str) -> dict[str, str]:
    """The versions in what ``uv pip compile`` writes as requirements.txt, by canonical name."""
    return {canonicalize_name(match[1]): match[2] for match in _VERSION.finditer(text)}


def unfit(text: str) -> frozenset[str]:
    """The packages, by canonical name, that uv found no wheel of for the target, of the version that it looked at."""
    return frozenset(canonicalize_name(name) for name in _UNFIT.findall(text))


def shorten(text: str) -> str:
    """The reason that uv gives, without addresses, at most a dozen lines."""
    lines = []
    for line in _ADDRESS.sub("<address>", text).splitlines():
        plain = line.strip().removeprefix("error:").removeprefix("cause:").strip()
        if plain and not plain.startswith(("warning:", "hint:", "Resolved ", "Using ")):
            lines.append(plain)
    kept = "\n".join(lines[:LINES])
    return kept if len(kept) <= CHARACTERS else kept[:CHARACTERS].rsplit(" ", 1)[0] + " …"


def failure(text: str, what: str, target: str) -> SlimtorchError:
    """The error that uv's words mean. `what` names the requirements, `target` the Python and platform."""
    if source := _SOURCE_ONLY.search(text) or _NEEDS_BUILD.search(text):
        return source_only(source[1] or "a requirement", target, shorten(text))
    if any(sign in text for sign in _NETWORK):
        return FetchError(
            f"an index could not be reached while resolving {what}: {shorten(text).splitlines()[-1]}",
            hint="check the network, the proxy, and the index that pip and uv are configured for",
            temporary=True,
        )
    hint = "loosen one of the requirements that are named"
    if "network was disabled" in text:
        hint = "this run is offline; run once without --offline"
    elif "was not found" in text:
        hint = "check the spelling, or name the index that holds it with --extra-index-url or [sources]"
    return ResolveError(f"nothing satisfies {what} for {target}:\n{shorten(text)}", hint=hint)


def source_only(name: str, target: str, reason: str = "") -> ResolveError:
    """The error for a package that has to be built first."""
    return ResolveError(
        f"{name} exists only as source for {target}: no wheel fits" + (f"\n{reason}" if reason else ""),
        hint=f"it needs the builder stage; until then choose a version of {name} that has a wheel, "
        "or build one and give its folder with --find-links",
    )
