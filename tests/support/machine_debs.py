"""This machine's own Debian packages, packed again from its files: an operating system for tests, without a network.

Only what a small service needs is packed, so that an image takes a second to build.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from slimtorch.sources import deb822
from slimtorch.sources.apt_resolve import closure
from slimtorch.tables import load
from tests.support.debs import control, make_ar

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS, INFO = Path("/var/lib/dpkg/status"), Path("/var/lib/dpkg/info")
SHOWN = ("Version", "Architecture", "Multi-Arch", "Provides")
CONTROL = ("preinst", "postinst", "prerm", "postrm", "md5sums")
# Parts of the standard library that a small service does without, and whole branches of other packages.
LEFT_OUT = re.compile(
    r"/usr/lib/python3\.\d+/("
    r"asyncio|concurrent|config-.*|curses|dbm|distutils|ensurepip|idlelib|lib2to3|multiprocessing|pydoc_data"
    r"|sqlite3|test|tkinter|tomllib|turtledemo|unittest|venv|wsgiref|xml|xmlrpc|zoneinfo"
    r"|(_pydecimal|_pyio|_pydatetime|argparse|doctest|imaplib|mailbox|nntplib|optparse|pdb|pickletools|pydoc|smtplib"
    r"|statistics|tarfile|telnetlib|turtle|zipfile)\.py"
    r"|encodings/(?!__init__|aliases|ascii|cp437|idna|latin_1|utf_8|unicode_escape|raw_unicode).*"
    r")(/.*)?|/usr/share/(?!doc/[^/]+/copyright|doc/[^/]+$).*\..*|.*/(gconv|locale|audit)/.*|/usr/share/man/.*"
)


@dataclass(frozen=True)
class Packed:
    """A package: its bytes, its control fields, and the paths of what it holds (without folders)."""

    data: bytes
    fields: Mapping[str, str]
    paths: tuple[str, ...]


@cache
def suite() -> str:
    """The suite of this machine, such as ``bookworm``; '' where it is not a Debian that slimtorch knows."""
    release = Path("/etc/os-release")
    text = release.read_text() if release.is_file() else ""
    found = re.search(r"^VERSION_CODENAME=(\S+)$", text, re.MULTILINE)
    return found[1] if found and "ID=debian" in text and found[1] in load("suites")["suites"] else ""


def python() -> str:
    """The suite's Python."""
    return str(load("suites")["suites"][suite()]["python"])


def obstacle() -> str:
    """Why nothing can be packed here; '' when it can."""
    if not suite() or shutil.which("dpkg-query") is None:
        return "this machine is not a Debian whose packages could be packed again"
    done = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True)
    if done.stdout.strip() != "amd64":
        return f"the test's package archive is for amd64, and this machine is {done.stdout.strip()}"
    installed = _installed()
    if lacking := [name for name in _roots() if name not in installed]:
        return f"not installed: {', '.join(lacking)} (apt-get install python3)"
    return ""


def pack() -> dict[str, Packed]:
    """The packages that Python needs, by name."""
    stanzas = _installed()
    names = closure(stanzas, _roots(), frozenset())
    return {name: _pack(name, stanzas[name], names, stanzas) for name in sorted(names)}


def _roots() -> list[str]:
    return [f"python{python()}-minimal", f"libpython{python()}-stdlib", "libstdc++6", "zlib1g"]


@cache
def _installed() -> dict[str, Mapping[str, str]]:
    stanzas = deb822.stanzas(STATUS.read_text(errors="replace"))
    return {stanza["package"]: stanza for stanza in stanzas if stanza.get("status", "").endswith(" installed")}


def _pack(name: str, stanza: Mapping[str, str], names: set[str], all_: Mapping[str, Mapping[str, str]]) -> Packed:
    fields = {key: stanza[key.lower()] for key in SHOWN if key.lower() in stanza}
    for key in ("Depends", "Pre-Depends"):
        if kept := _kept(stanza.get(key.lower(), ""), names, all_):
            fields[key] = kept
    others = {kind: path.read_bytes() for kind in CONTROL if (path := _info(name, kind)).is_file()}
    folders, files = _files(name)
    members = [
        ("debian-binary", b"2.0\n"),
        ("control.tar", _control({"control": control(name, fields).encode(), **others})),
        ("data.tar", _data(folders, files)),
    ]
    return Packed(make_ar(members), fields, tuple(path.lstrip("/") for path in files))


def _kept(relations: str, names: set[str], all_: Mapping[str, Mapping[str, str]]) -> str:
    """The relations that are satisfied by what is packed."""
    virtual = {word.split()[0] for name in names for word in all_[name].get("provides", "").split(",") if word.strip()}
    groups = [group.strip() for group in relations.split(",") if group.strip()]
    return ", ".join(group for group in groups if re.split(r"[\s(:|]", group)[0] in names | virtual)


def _info(name: str, kind: str) -> Path:
    plain = INFO / f"{name}.{kind}"
    return plain if plain.is_file() else INFO / f"{name}:amd64.{kind}"


def _files(name: str) -> tuple[list[str], list[str]]:
    """The package's folders, and its other files that are wanted and there.

    What is above another path is a folder: on a merged system /lib is a link, and packages still ship it as a folder.
    """
    listed = [line for line in _info(name, "list").read_text().splitlines() if line != "/."]
    above = {str(parent) for line in listed for parent in Path(line).parents}
    found = {line for line in listed if not LEFT_OUT.fullmatch(line)}
    folders = [line for line in found if line in above or (Path(line).is_dir() and not Path(line).is_symlink())]
    # Images of Debian for containers leave documentation out.
    return sorted(folders), sorted(line for line in found.difference(folders) if os.path.lexists(line))


def _data(folders: list[str], files: list[str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in folders:
            member = tarfile.TarInfo(f".{path}")
            member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member)
        for path in files:
            archive.inodes = {}  # type: ignore[attr-defined]  # hard links become files of their own
            archive.add(path, f".{path}", recursive=False, filter=_as_roots)
    return out.getvalue()


def _as_roots(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _control(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()
