"""Every file of an image belongs to a wheel or a Debian package of the lock, to the service, or to the list below."""

from __future__ import annotations

import configparser
import csv
import io
import stat
import tomllib
import zipfile
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slimtorch.stores import layout
from slimtorch.tables import load
from tests.support.layers import members
from tests.support.machine_debs import python

if TYPE_CHECKING:
    import tarfile

    from tests.support.shop import Stock

GENERATED = {
    # The system's own files, which Debian makes in maintainer scripts or when a system is set up.
    "bin",
    "sbin",
    "lib",
    "lib64",
    "etc/debian_version",
    "etc/group",
    "etc/ld.so.conf",
    "etc/nsswitch.conf",
    "etc/os-release",
    "etc/passwd",
    "usr/lib/os-release",
    "usr/bin/python3",
    # The virtual environment, as `venv` makes it.
    "opt/venv/pyvenv.cfg",
    "opt/venv/bin/python",
    "opt/venv/bin/python3",
    "opt/venv/bin/python3.{minor}",
    # The health check.
    "usr/lib/slimtorch/health.py",
}
WRITABLE = {"tmp", "var/tmp", "cache"}
HOME = "home/app"
MERGED = ("bin/", "sbin/", "lib/", "lib64/")
MANY = 500


@pytest.fixture(scope="module")
def held(made: Stock) -> dict[str, tarfile.TarInfo]:
    return members(layout.read(made.root / "image"))


def files(held: dict[str, tarfile.TarInfo]) -> set[str]:
    return {path for path, member in held.items() if not member.isdir()}


def locked(made: Stock, kind: str) -> list[dict[str, str]]:
    platforms = tomllib.loads((made.root / "project/slimtorch.lock").read_text())["platform"]
    found: list[dict[str, str]] = platforms["linux/amd64"][kind]
    return found


def of_wheel(path: Path, site: str) -> set[str]:
    """Where PEP 427 puts the files of a wheel, and what an installer adds to them."""
    with zipfile.ZipFile(path) as wheel:
        info = next(name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" in name)
        names = [row[0] for row in csv.reader(io.StringIO(wheel.read(f"{info}/RECORD").decode())) if row]
        data = info.removesuffix(".dist-info") + ".data/"
        schemes = {f"{data}data/": "opt/venv/", f"{data}scripts/": "opt/venv/bin/", f"{data}purelib/": f"{site}/"}
        found = {f"{site}/{info}/INSTALLER"}
        for name in names:
            scheme = next((scheme for scheme in schemes if name.startswith(scheme)), "")
            found.add(schemes[scheme] + name.removeprefix(scheme) if scheme else f"{site}/{name}")
        if f"{info}/entry_points.txt" in names:
            parser = configparser.ConfigParser()
            parser.read_string(wheel.read(f"{info}/entry_points.txt").decode())
            found |= {f"opt/venv/bin/{name}" for name in parser["console_scripts"]}
        return found


def of_packages(made: Stock) -> set[str]:
    shipped = {path for deb in locked(made, "deb") for path in made.paths[deb["name"]]}
    merged = {f"usr/{path}" if path.startswith(MERGED) else path for path in shipped}
    status = [f"var/lib/dpkg/status.d/{deb['name']}" for deb in locked(made, "deb")]
    return merged | set(status) | {f"{path}.md5sums" for path in status}


def of_service() -> set[str]:
    return {"app/serve.py", "app/parrot/__init__.py", "app/parrot/beak.py"}


def with_bytecode(paths: set[str]) -> set[str]:
    suffix = f".cpython-{python().replace('.', '')}.pyc"
    modules = [Path(path) for path in paths if path.endswith(".py")]
    return paths | {str(path.parent / "__pycache__" / f"{path.stem}{suffix}") for path in modules}


def of_wheels(made: Stock) -> set[str]:
    site = f"opt/venv/lib/python{python()}/site-packages"
    return {path for wheel in locked(made, "wheel") for path in of_wheel(made.wheels / wheel["file"], site)}


def test_every_file_has_an_owner(made: Stock, held: dict[str, tarfile.TarInfo]) -> None:
    generated = {path.format(minor=python().partition(".")[2]) for path in GENERATED}
    owned = with_bytecode(of_packages(made) | of_wheels(made) | of_service() | generated)
    assert len(files(held)) > MANY
    assert files(held) - owned == set()
    assert generated - files(held) == set()


def test_nothing_of_a_wheel_or_of_the_service_is_lost(made: Stock, held: dict[str, tarfile.TarInfo]) -> None:
    assert with_bytecode(of_wheels(made) | of_service()) - files(held) == set()
    assert len(locked(made, "wheel")) == 2


def test_of_packages_only_documentation_and_the_like_is_left_out(made: Stock, held: dict[str, tarfile.TarInfo]) -> None:
    table, modules = load("os_packages"), load("python_modules")["packages"]
    without = {module for row in modules.values() for module in row["modules"]}
    lost = of_packages(made) - files(held)
    unexplained = {
        path
        for path in lost
        if not any(fnmatchcase(path, pattern) for pattern in table["trim"])
        and not ("/lib-dynload/" in path and path.rpartition("/")[2].partition(".")[0] in without)
    }
    assert unexplained == set()
    copyrights = {f"usr/share/doc/{deb['name']}/copyright" for deb in locked(made, "deb")}
    assert copyrights & of_packages(made) <= files(held) | {
        path for path in copyrights if path.rpartition("/")[0] in held
    }


def test_root_owns_everything_but_home(held: dict[str, tarfile.TarInfo]) -> None:
    others = {path for path, member in held.items() if (member.uid, member.gid) != (0, 0)}
    assert others == {HOME}
    assert (held[HOME].uid, held[HOME].gid, held[HOME].mode) == (1000, 1000, 0o755)
    assert {member.uname for member in held.values()} <= {"", "root"}


def test_no_mode_helps_an_intruder(held: dict[str, tarfile.TarInfo]) -> None:
    plain = {path: member for path, member in held.items() if not member.issym()}
    assert {path for path, member in plain.items() if member.mode & (stat.S_ISUID | stat.S_ISGID)} == set()
    assert {path for path, member in plain.items() if member.mode & stat.S_IWOTH} == WRITABLE
    assert {path for path, member in plain.items() if member.mode & stat.S_IWGRP} == WRITABLE
    assert {held[path].mode for path in WRITABLE} == {0o1777}
    assert {path for path, member in held.items() if not (member.isreg() or member.isdir() or member.issym())} == set()


def test_times_are_fixed(held: dict[str, tarfile.TarInfo]) -> None:
    assert {member.mtime for member in held.values()} == {0}
