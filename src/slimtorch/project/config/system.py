"""``[os]``: what lies below Python."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from slimtorch import tables
from slimtorch.errors import UsageError
from slimtorch.image import reference
from slimtorch.project.config.app import inside_file
from slimtorch.project.config.kinds import matching, project_path, text, texts
from slimtorch.project.config.reader import BadValueError, Key, Section, suggest
from slimtorch.project.model import Os

if TYPE_CHECKING:
    from pathlib import Path

    from slimtorch.project.config.reader import Table


def suites() -> dict[str, str]:
    """The Debian suites that slimtorch knows, with the Python that each packages."""
    return {name: str(facts["python"]) for name, facts in tables.load("suites")["suites"].items()}


def _suite(value: object) -> str:
    if (found := text(value)) in suites():
        return found
    if found in tables.load("suites")["aliases"]:
        raise BadValueError(f"{value!r} is not a fixed release; name one of {', '.join(suites())}")
    guess = suggest(found, list(suites())) or f"; it knows {', '.join(suites())}"
    raise BadValueError(f"{value!r} is not a Debian suite that slimtorch knows{guess}")


def _packages(value: object) -> tuple[str, ...]:
    # Debian policy 5.6.1; an architecture or a version does not belong here, the lock pins it.
    for name in texts(value):
        if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name):
            raise BadValueError(f"{name!r} is not the name of a Debian package (the lock pins the version)")
    return tuple(sorted(set(texts(value))))


def _base(value: object) -> str:
    try:
        found = reference.parse(text(value), exists=False)
    except UsageError as bad:
        raise BadValueError(bad.message, bad.hint) from None
    if found.scheme not in {"oci", "archive", "dir"}:
        raise BadValueError(f"{value!r} cannot be a base; it may be oci:DIR[:TAG], archive:FILE or dir:PATH")
    return str(value)


_APT_ADDRESS = re.compile(r"(?:mirror\+)?(?:https?://|file:/|copy:/)[^\s\[\]]+")


def is_apt_address(text: str) -> bool:
    """Whether apt can read packages from here: http, https, file, copy, or a list of mirrors (apt-transport-mirror(1)).

    Where apt reads ``[arch=…]`` or a second address, this says no.
    """
    return bool(_APT_ADDRESS.fullmatch(text))


def _mirror(value: object) -> str:
    """One address, or two: the second for the security suite."""
    found = text(value).split()
    if len(found) > 2:
        raise BadValueError("must be one address, or two: the second is for the security suite")
    for one in found:
        if re.match(r"[\w+]+://[^/]*@", one):
            raise BadValueError("must not hold a user or password", "put it into apt's auth.conf or the environment")
        if not is_apt_address(one):
            raise BadValueError(
                f"must be an address such as https://deb.example.org/debian or file:/srv/debian, not {one!r}"
            )
    return " ".join(one.rstrip("/") for one in found)


_SNAPSHOT = matching(r"\d{8}T\d{6}Z", 'a time in UTC such as "20260101T000000Z"')

SUITE = Key(
    "suite",
    _suite,
    "bookworm",
    "The Debian release; it decides the Python: bookworm packages 3.11, trixie 3.13.",
    '"bookworm"',
    '"trixie"',
)
PACKAGES: Key[tuple[str, ...]] = Key(
    "packages",
    _packages,
    (),
    "Debian packages to add, with what they depend on.",
    "[]",
    '["curl", "libgl1"]',
)
BASE = Key("base", _base, "", "An image to build on instead of Debian packages.", "none", '"oci:base:3.11"')
MIRROR = Key("mirror", _mirror, "", "A Debian mirror for this project (and, after a space, one for the security "
             "suite); never written to the lock or the image.",
             "the machine's", '"https://deb.example.org/debian"')  # fmt: skip
KEYRING = Key("keyring", project_path, "", "A keyring file that the packages' signatures are checked with.",
              "Debian's, found on this machine", '"keys/debian.gpg"')  # fmt: skip
SNAPSHOT = Key("snapshot", _SNAPSHOT, "", "A day of the dated Debian archive to take packages from.", "none",
               '"20260101T000000Z"')  # fmt: skip
SECTION = Section("os", "The operating system below Python.", (SUITE, PACKAGES, BASE, MIRROR, KEYRING, SNAPSHOT))


def read(table: Table, root: Path) -> Os:
    """The section; a base and Debian packages exclude each other."""
    base = table.read(BASE)
    for key in (SUITE, PACKAGES, MIRROR, KEYRING, SNAPSHOT):
        if base and key in table:
            table.bad(key, "does not go with os.base: a base image brings its own operating system")
    if MIRROR in table and SNAPSHOT in table and "{snapshot}" not in table.read(MIRROR):
        table.bad(SNAPSHOT, "needs a place in os.mirror: write {snapshot} where the date goes")
    keyring = table.read(KEYRING)
    if keyring:
        try:
            inside_file(root, keyring)
        except BadValueError as bad:
            table.bad(KEYRING, str(bad))
    return Os(
        suite=table.read(SUITE),
        packages=table.read(PACKAGES),
        base=base,
        mirror=table.read(MIRROR),
        keyring=root / keyring if keyring else None,
        snapshot=table.read(SNAPSHOT),
    )
