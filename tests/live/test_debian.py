"""Debian itself: the real mirrors of this machine, real packages, and an interpreter that runs from the tree."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile

from slimtorch.errors import FetchError, MachineError
from slimtorch.host.cache import Cache
from slimtorch.host.machine import Machine
from slimtorch.host.process import run
from slimtorch.host.progress import Silent
from slimtorch.image.tree import FileTree, Kind, merge, with_parents
from slimtorch.project.model import Os
from slimtorch.sources import apt, apt_fetch, apt_resolve, deb_tree, os_files

if TYPE_CHECKING:
    from slimtorch.project.lock import LockedDeb

pytestmark = pytest.mark.live

MODULES = "ssl, hashlib, json, asyncio, ctypes, lzma, bz2, uuid, zlib, _crypt"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return Machine(run, Cache(tmp_path_factory.mktemp("cache")), Silent(), dict(os.environ), Path.home())


def prepared(machine: Machine, suite: str = "bookworm", architecture: str = "amd64") -> apt.Apt:
    try:
        return apt.prepare(Os(suite=suite), architecture, machine)
    except (MachineError, FetchError) as error:
        pytest.skip(f"needs apt and a Debian mirror: {error.message}")


def built(machine: Machine, *packages: str) -> tuple[tuple[LockedDeb, ...], FileTree]:
    tool = prepared(machine)
    debs = apt_resolve.resolve(tool, "3.11", packages)
    shipped = deb_tree.assemble(debs, apt_fetch.fetch(debs, lambda: tool, machine), machine.cache)
    generated = os_files.tree(shipped, "bookworm", "3.11", os_files.User())
    return debs, with_parents(merge(shipped, generated), "slimtorch")


def write(tree: FileTree, root: Path) -> Path:
    root.mkdir()
    for entry in tree.entries():
        path = root / entry.path
        if entry.kind is Kind.DIRECTORY:
            path.mkdir()
        elif entry.kind is Kind.SYMLINK:
            path.symlink_to(entry.link)
        elif entry.content:
            with entry.content.open() as source, path.open("wb") as out:
                shutil.copyfileobj(source, out)
            path.chmod(entry.mode)
    return root


def unresolved(root: Path, triplet: str) -> dict[str, str]:
    """Needed libraries that are nowhere in the tree, and a file that needs each."""
    folders = [root / "usr/lib" / triplet, root / "usr/lib"]
    missing = {}
    for path in root.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        with path.open("rb") as stream:
            if stream.read(4) != b"\x7fELF":
                continue
            for segment in ELFFile(stream).iter_segments():
                if isinstance(segment, DynamicSegment):
                    tags = list(segment.iter_tags())
                    runs = [tag.runpath for tag in tags if tag.entry.d_tag == "DT_RUNPATH"]
                    own = [path.parent, *(root / place.strip("/") for run in runs for place in run.split(":"))]
                    for tag in tags:
                        if tag.entry.d_tag == "DT_NEEDED" and not any((f / tag.needed).exists() for f in own + folders):
                            missing[tag.needed] = str(path.relative_to(root))
    return missing


def test_the_default_packages_are_few_small_and_run_python(machine: Machine, tmp_path: Path) -> None:
    debs, tree = built(machine)
    root = write(tree, tmp_path / "root")

    assert len(debs) == 15
    assert 30_000_000 < tree.size < 42_000_000
    assert sum(deb.size for deb in debs) < 12_000_000
    assert unresolved(root, "x86_64-linux-gnu") == {}
    assert (root / "usr/share/doc/libstdc++6/copyright").is_file()
    loader = [root / "usr/lib64/ld-linux-x86-64.so.2", "--library-path", root / "usr/lib/x86_64-linux-gnu"]
    done = subprocess.run(
        [*loader, root / "usr/bin/python3.11", "-c", f"import {MODULES}; print('fine')"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "fine\n", done.stderr


def test_packages_that_users_name_come_complete(machine: Machine, tmp_path: Path) -> None:
    debs, tree = built(machine, "bash", "curl", "libgl1", "ca-certificates", "tzdata", "libopenblas0")
    root = write(tree, tmp_path / "root")

    assert not {"dpkg", "debconf", "perl-base", "openssl"} & {deb.name for deb in debs}
    assert unresolved(root, "x86_64-linux-gnu") == {}
    for link in (path for path in root.rglob("*") if path.is_symlink()):
        assert not str(link.readlink()).startswith("/"), link
    assert (root / "usr/bin/sh").resolve() == root / "usr/bin/bash"
    assert (root / "usr/lib/x86_64-linux-gnu/libblas.so.3").resolve().parent.name == "openblas-pthread"
    assert (root / "etc/localtime").resolve().is_file()


@pytest.mark.skipif(not shutil.which("update-ca-certificates"), reason="needs update-ca-certificates")
def test_the_certificate_bundle_is_the_one_that_debian_makes(machine: Machine, tmp_path: Path) -> None:
    _, tree = built(machine, "ca-certificates")
    root = write(tree, tmp_path / "root")
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "conf").touch()
    places = {"certsdir": root / "usr/share/ca-certificates", "etccertsdir": out, "certsconf": tmp_path / "conf"}
    argv = [word for name, path in places.items() for word in (f"--{name}", str(path))]
    empty = tmp_path / "none"
    argv += ["--default", "--localcertsdir", str(empty), "--hooksdir", str(empty)]
    subprocess.run(["update-ca-certificates", *argv], check=True, capture_output=True, timeout=120)

    assert (root / "etc/ssl/certs/ca-certificates.crt").read_bytes() == (out / "ca-certificates.crt").read_bytes()


@pytest.mark.parametrize(
    ("suite", "architecture", "python", "count"),
    [("trixie", "amd64", "3.13", 16), ("bookworm", "arm64", "3.11", 15), ("trixie", "arm64", "3.13", 16)],
)
def test_other_suites_and_architectures_resolve(
    machine: Machine, suite: str, architecture: str, python: str, count: int
) -> None:
    debs = apt_resolve.resolve(prepared(machine, suite, architecture), python, [])

    assert len(debs) == count
    assert {deb.architecture for deb in debs} <= {architecture, "all"}
    assert f"python{python}-minimal" in {deb.name for deb in debs}
