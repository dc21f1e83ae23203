"""Wheels and Debian packages that are not what was promised, or that mean harm; each through the whole command line."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import apt_repo, machine_debs
from tests.support.debs import make_deb
from tests.support.refusal import refused
from tests.support.wheels import Lies, make_wheel, member

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.apt_repo import Repository
    from tests.support.shop import Shop

BOMB = 300_000_000


def unlike(text: str, kind: str, name: str) -> str:
    """The lock with another sha256 for one package."""
    row = re.compile(rf'(\.{kind}\]\]\nname = "{re.escape(name)}"\n(?:.*\n)*?sha256 = ")[0-9a-f]{{64}}')
    changed, count = row.subn(rf"\g<1>{'ab' * 32}", text, count=1)
    assert count == 1
    return changed


@pytest.mark.parametrize(("kind", "name"), [("wheel", "parrot-words"), ("deb", "zlib1g")])
def test_the_lock_promises_another_hash(shop: Shop, tmp_path: Path, kind: str, name: str) -> None:
    own = shop.with_cache(tmp_path / "cache", empty=True)
    lock = (own.project / "slimtorch.lock").read_text()
    own.write("slimtorch.lock", unlike(lock, kind, name))
    stem = name.replace("-", "_") if kind == "wheel" else name
    refused(own.build("-o", f"oci:{tmp_path}/out"), stem, "expected sha256:abab", hint="lock again")
    assert not (tmp_path / "out").exists()


# -- wheels ----------------------------------------------------------------------------------------------------------


HOSTILE = {
    "dotdot": (Lies(raw=[(member("../../escape.py"), b"")]), "'../../escape.py'"),
    "absolute": (Lies(raw=[(member("/etc/escape.py"), b"")]), "'/etc/escape.py'"),
    "link": (Lies(raw=[(member("leads-out", mode=0o120777), b"/etc/passwd")]), "leads-out"),
    "unlisted": (Lies(raw=[(member("parrot_trap_extra.py"), b"")]), "parrot_trap_extra.py, which its RECORD does not"),
    "liar": (Lies(record={"parrot_trap.py": ("sha256=" + "A" * 43, "6")}), "parrot_trap.py"),
    "missing": (Lies(extra_lines=[("parrot_ghost.py", "", "")]), "RECORD lists parrot_ghost.py, which is not there"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_wheel(shop: Shop, tmp_path: Path, kind: str) -> None:
    lies, word = HOSTILE[kind]
    make_wheel(tmp_path / "w", "parrot-trap", "1.0", {"parrot_trap.py": "x = 1\n"}, lies=lies)
    shop.write("requirements.txt", "parrot-trap\n")
    shop.lock("--find-links", str(tmp_path / "w")).ok()
    done = shop.build("-o", f"oci:{tmp_path}/out", "--find-links", tmp_path / "w")
    refused(done, "parrot", word, hint="RECORD" if kind == "liar" else None)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.rglob("escape.py"))


def test_a_wheel_that_is_a_bomb(shop: Shop, tmp_path: Path) -> None:
    make_wheel(tmp_path / "w", "parrot-trap", "1.0", {"parrot_trap.py": "", "big.bin": bytes(BOMB)})
    shop.write("requirements.txt", "parrot-trap\n")
    shop.lock("--find-links", str(tmp_path / "w")).ok()
    refused(
        shop.build("-o", f"oci:{tmp_path}/out", "--find-links", tmp_path / "w"),
        "parrot_trap-1.0",
        "refused as a bomb",
        hint=None,
    )
    assert not (tmp_path / "out").exists()


def test_a_wheel_that_changed_where_it_is_served(shop: Shop, tmp_path: Path) -> None:
    path = make_wheel(tmp_path / "w", "parrot-nest", "1.0", {"parrot_nest.py": "eggs = 2\n"})
    shop.write("requirements.txt", "parrot-nest\n")
    shop.lock("--find-links", str(tmp_path / "w")).ok()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    done = shop.build("-o", f"oci:{tmp_path}/out", "--find-links", tmp_path / "w")
    refused(done, "parrot_nest-1.0", "expected sha256:", hint="lock again")


def test_two_wheels_that_bring_one_file(shop: Shop, tmp_path: Path) -> None:
    for name in ("parrot-left", "parrot-right"):
        make_wheel(tmp_path / "w", name, "1.0", {"parrot_claw.py": f"side = {name!r}\n"})
    shop.write("requirements.txt", "parrot-left\nparrot-right\n")
    shop.lock("--find-links", str(tmp_path / "w")).ok()
    done = shop.build("-o", f"oci:{tmp_path}/out", "--find-links", tmp_path / "w")
    refused(done, "wheel:parrot-left==1.0 and wheel:parrot-right==1.0 both bring", "parrot_claw.py", hint="drop one")


# -- Debian packages -------------------------------------------------------------------------------------------------


def info(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, link
    return found


def evil() -> dict[str, bytes]:
    """Packages that mean harm, and one with a script that nobody has looked at."""
    plain: Mapping[str, bytes | str | None] = {"usr": None, "usr/share": None, "usr/share/evil": b"x"}
    return {
        "evil-dotdot": make_deb("evil-dotdot", plain, extra=[info("./../../etc/escape", tarfile.REGTYPE)]),
        "evil-absolute": make_deb("evil-absolute", plain, extra=[info("/../etc/escape", tarfile.REGTYPE)]),
        "evil-device": make_deb("evil-device", plain, extra=[info("./usr/sda", tarfile.BLKTYPE)]),
        "evil-link": make_deb("evil-link", {**plain, "usr/share/out": "../../../../etc/passwd"}),
        "evil-hardlink": make_deb("evil-hardlink", plain, extra=[info("./usr/out", tarfile.LNKTYPE, "../etc/passwd")]),
        "evil-script": make_deb("evil-script", plain, scripts={"postinst": "#!/bin/sh\nrm -rf /\n"}),
        "evil-clash": make_deb("evil-clash", {"etc": None, "etc/ld.so.conf.d": None, "usr": None, "usr/bin": None,
                               f"usr/bin/python{machine_debs.python()}": b"not python"}),
    }  # fmt: skip


WORDS = {
    "evil-dotdot": "..",
    "evil-absolute": "..",
    "evil-device": "usr/sda",
    "evil-link": "usr/share/out that leads out of the tree",
    "evil-hardlink": "'../etc/passwd' leads out of the tree",
    "evil-script": "evil-script has a postinst script that slimtorch does not know",
    "evil-clash": f"both bring /usr/bin/python{machine_debs.python() if machine_debs.suite() else ''}",
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, made: object) -> Iterator[Repository]:
    """A signed archive with the system's packages and those that mean harm."""
    del made
    folder = tmp_path_factory.mktemp("evil")
    repository = apt_repo.make_repository(folder)
    repository.publish(packages(evil()), machine_debs.suite())
    yield repository
    apt_repo.stop(repository)


def packages(more: Mapping[str, bytes], **fields: str) -> dict[str, tuple[bytes, Mapping[str, str]]]:
    system = {name: (deb.data, deb.fields) for name, deb in machine_debs.pack().items()}
    return {**system, **{name: (data, fields) for name, data in more.items()}}


def with_archive(shop: Shop, repository: Repository, name: str) -> Shop:
    """The project with one more package, from this archive."""
    shutil.copyfile(repository.keyring, shop.project / "keys/archive.gpg")
    shop.change("slimtorch.toml", "[os]\n", f'[os]\npackages = ["{name}"]\n')
    return replace(shop, stock=_Mirror(shop.stock.root, repository.mirror))


class _Mirror:
    def __init__(self, root: Path, mirror: str) -> None:
        self.root, self.mirror, self.cache = root, mirror, root / "cache"


@pytest.mark.parametrize("name", WORDS)
def test_a_hostile_package(shop: Shop, archive: Repository, tmp_path: Path, name: str) -> None:
    own = with_archive(shop, archive, name)
    own.lock().ok()
    refused(own.build("-o", f"oci:{tmp_path}/out"), name, WORDS[name])
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.rglob("escape"))


def test_a_package_that_the_mirror_has_spoilt(shop: Shop, tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt"
    shutil.copytree(Path(shop.stock.mirror.removeprefix("copy:")), spoilt, copy_function=os.link)
    path = next((spoilt / "pool").glob("zlib1g_*.deb"))
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:-1] + b"X")
    own = shop.with_cache(tmp_path / "cache", empty=True)
    done = own("build", "--apt-mirror", f"copy:{spoilt}", "-o", f"oci:{tmp_path}/out")
    refused(done, "zlib1g" if "zlib1g" in done.err else "other bytes", hint="another mirror")
    assert not (tmp_path / "out").exists()
    digest = hashlib.sha256(data).hexdigest()
    assert not (own.cache / "blobs" / digest[:2] / digest[2:]).exists()


def test_a_version_that_vanished_from_the_mirror(shop: Shop, tmp_path: Path) -> None:
    repository = apt_repo.make_repository(tmp_path / "debian")
    try:
        moving = {"parrot-perch": make_deb("parrot-perch", {"usr": None, "usr/perch": b"1"})}
        repository.publish(packages(moving), machine_debs.suite())
        own = with_archive(shop, repository, "parrot-perch").with_cache(tmp_path / "cache", empty=True)
        own.lock().ok()
        newer = {"Version": "1.0-2"}
        moved = {"parrot-perch": make_deb("parrot-perch", {"usr": None, "usr/perch": b"2"}, fields=newer)}
        repository.publish(packages(moved, **newer), machine_debs.suite())
    finally:
        apt_repo.stop(repository)
    done = own.build("-o", f"oci:{tmp_path}/out")
    refused(done, "no longer has parrot-perch 1.0-1", hint="slimtorch lock --upgrade-os")
    own.lock("--upgrade-os").ok()
    assert 'version = "1.0-2"' in (own.project / "slimtorch.lock").read_text()
    own.build("-o", f"oci:{tmp_path}/out").ok()
