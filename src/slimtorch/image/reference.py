"""Where an image lives: ``oci:DIR[:TAG]``, ``archive:FILE``, ``docker:NAME``, ``podman:NAME`` or ``dir:PATH``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from slimtorch.errors import UsageError

SCHEMES = ("oci", "archive", "docker", "podman", "dir")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
# The grammar of distribution/reference: [host[:port]/]path[:tag], path components in lower case.
_NAME = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
    r"(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"
)
_PINNED = re.compile(r"(.+)@(sha256:[0-9a-f]{64})")
_FORMS = "oci:DIR[:TAG], archive:FILE, docker:NAME[:TAG], podman:NAME[:TAG] or dir:PATH"


@dataclass(frozen=True, slots=True)
class Reference:
    """A medium (`scheme`), a place in it (`location`: path or image name) and an ``oci:`` tag ('' when not given).

    `digest` is the manifest's that the reference insists on, as the commands print it ('' when it does not).
    """

    scheme: str
    location: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.scheme}:{self.location}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def path(self) -> Path:
        """The location as a path; only for ``oci``, ``archive`` and ``dir``."""
        return Path(self.location)


def parse(text: str, *, exists: bool = True) -> Reference:
    """The reference written in `text`. With `exists`, a bare path that exists is recognised by what stands there.

    Raises:
        UsageError: the text is no reference.
    """
    if pinned := _PINNED.fullmatch(text):
        return replace(parse(pinned[1], exists=exists), digest=pinned[2])
    scheme, colon, rest = text.partition(":")
    if not colon or scheme not in SCHEMES:
        if exists and text and (found := _bare(text)):
            return found
        nothing = "no file or folder is called so; " if exists else ""
        raise UsageError(f"cannot understand the reference {text!r}", hint=f"{nothing}write {_FORMS}")
    if not rest:
        raise UsageError(f"the reference {text!r} names no place", hint=f"write {_FORMS}")
    if scheme == "oci":
        return _oci(text, rest)
    if scheme in {"docker", "podman"} and not _NAME.fullmatch(rest):
        raise UsageError(
            f"{rest!r} is not an image name", hint="lower-case letters, digits, '.', '_', '-', '/' and ':TAG'"
        )
    return Reference(scheme, rest)


def _oci(text: str, rest: str) -> Reference:
    location, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        return Reference("oci", rest)
    if not location or not _TAG.fullmatch(tag):
        raise UsageError(f"{tag!r} in {text!r} is not a tag", hint="letters, digits, '_', '.' and '-', at most 128")
    return Reference("oci", location, tag)


def _bare(text: str) -> Reference | None:
    path = Path(text)
    if path.is_file():
        return Reference("archive", text)
    if (path / "oci-layout").is_file():
        return Reference("oci", text)
    if path.is_dir():
        return Reference("dir", text)
    location, colon, tag = text.rpartition(":")
    if colon and _TAG.fullmatch(tag) and (Path(location) / "oci-layout").is_file():
        return Reference("oci", location, tag)
    return None
